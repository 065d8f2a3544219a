/* What a record claims to be, and where an aggregate's records belong. Pure. */
#include <stdio.h>
#include <string.h>

#include "producer/verify_match_int.h"

int32_t weir_verify_partition(const char *key, size_t length, int count)
{
    const unsigned char *data = (const unsigned char *)key;
    const uint32_t m = 0x5bd1e995;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)length, word;
    for (; length >= 4; data += 4, length -= 4) {
        word = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
               (uint32_t)data[3] << 24;
        word *= m;
        word = (word ^ word >> 24) * m;
        hash = (hash * m) ^ word;
    }
    for (size_t i = length; i-- > 0;)
        hash ^= (uint32_t)data[i] << (8 * i);
    if (length > 0)
        hash *= m;
    hash = (hash ^ hash >> 13) * m;
    hash ^= hash >> 15;
    return (int32_t)((hash & 0x7fffffff) % (uint32_t)count);
}

void weir_claim_read(weir_claim *claim, const weir_record *record, const char *store_id)
{
    const weir_record_header *store = weir_record_header_find(record, "ce_storeid");
    const weir_record_header *id = weir_record_header_find(record, "ce_id");
    *claim = (weir_claim){.previous = -1};
    if (!store || !store->value) {
        claim->why = "it has no ce_storeid: no relay wrote it";
        return;
    }
    if (!weir_record_header_is(store, store_id)) {
        snprintf(claim->text, sizeof claim->text, "it is of another store: ce_storeid is '%.*s'",
                 weir_verify_quote(store->value, store->length), store->value);
        claim->why = claim->text;
        return;
    }
    claim->ours = true;
    if (!weir_record_header_number(weir_record_header_find(record, "ce_position"),
                                   &claim->position) ||
        claim->position == 0)
        claim->why = "its ce_position is missing or not a number";
    else if (!id || !id->value || !weir_uuid_parse(id->value, id->length, &claim->id))
        claim->why = "its ce_id is missing or not a UUID";
    claim->readable = !claim->why;
    weir_record_header_number(weir_record_header_find(record, "ce_prevposition"), &claim->previous);
}
