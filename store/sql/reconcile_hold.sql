-- reconcile_hold: no parameters. Until the transaction ends no relay begins to lead, and no projection
-- moves a checkpoint or makes one.
LOCK TABLE weir.relays, weir.checkpoints IN SHARE ROW EXCLUSIVE MODE
