/* The hash that spreads keys over partitions: murmur2 as Kafka's Java client has it, without its
 * sign. Pure; any thread.
 * Source: https://github.com/apache/kafka, org.apache.kafka.common.utils.Utils.murmur2. */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* weir_key_hash is 0 to INT32_MAX; modulo the recorded number of partitions it is the partition. */
int32_t weir_key_hash(const void *key, size_t length);

#endif
