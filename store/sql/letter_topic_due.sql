-- letter_topic_due: subscription. Whether a letter is not in the dead letter topic yet.
SELECT EXISTS (SELECT FROM weir.dead_letters d WHERE d.subscription = $1::text AND d.published_at IS NULL)
