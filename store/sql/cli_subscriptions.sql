-- cli_subscriptions: the names of all subscriptions.
SELECT DISTINCT s.subscription FROM weir.subscriptions s ORDER BY s.subscription
