-- checkpoint_hold: subscription, generation, topic, partition, lanes, lane, offset and epoch as they were read. The row is
-- held, and its epoch one more. WV010 if anything differs.
SELECT weir.hold_checkpoint($1::text, $2::integer, $3::text, $4::integer, $5::integer, $6::integer, $7::bigint, $8::bigint)
