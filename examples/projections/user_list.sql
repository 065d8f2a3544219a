-- The users of the shop as they are now.
-- projection: user_list
-- from: user
-- apply: aggregate
CREATE TABLE users (
    id     text PRIMARY KEY,
    email  text NOT NULL,
    name   text,
    active bool NOT NULL DEFAULT true
);

-- on: user.created
INSERT INTO users
SELECT aggregate_id, data->>'email', data->>'name' FROM events
ON CONFLICT (id) DO NOTHING;

-- on: user.email_changed
UPDATE users u SET email = e.data->>'email'
FROM events e WHERE u.id = e.aggregate_id;

-- on: user.deactivated
UPDATE users u SET active = false
FROM events e WHERE u.id = e.aggregate_id;
