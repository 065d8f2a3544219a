-- projection_role: role, "none" for the connecting user; until the end of the transaction.
SELECT set_config('role', $1::text, true)
