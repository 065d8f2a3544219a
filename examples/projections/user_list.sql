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

-- query: find_by_id(id)
-- One user, by id.
SELECT id, email, name, active FROM users WHERE id = :id;

-- query: find_by_email(email)
-- Who has this address, in whatever case it is written.
SELECT id, email, name, active FROM users WHERE lower(email) = lower(:email) ORDER BY id;

-- query: list_active()
-- All who have not left.
SELECT id, email, name FROM users WHERE active ORDER BY id;
