/* base: what every other folder stands on. Errors with fates, memory, time, ids, logging, metrics.
 * It knows nothing of events, PostgreSQL or Kafka. */
#ifndef WEIR_BASE_BASE_H
#define WEIR_BASE_BASE_H

#include "base/arena.h"
#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stop.h"

/* weir_version is the version of this library, "0.1.0". */
const char *weir_version(void);

#endif
