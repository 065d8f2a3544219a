/* The functions of the commands, one family a file. Each writes data to the session's output and
 * returns false with error filled; the error's code is the exit code. */
#ifndef WEIR_APP_VERBS_H
#define WEIR_APP_VERBS_H

#include "app/session.h"

typedef bool weir_verb_fn(weir_session *session, weir_error *error);

weir_verb_fn weir_verb_migrate, weir_verb_append, weir_verb_import, weir_verb_export,
    weir_verb_read, weir_verb_tail, weir_verb_stream_list, weir_verb_stream_show,
    weir_verb_aggregate_show, weir_verb_aggregate_step, weir_verb_snapshot_list,
    weir_verb_snapshot_create, weir_verb_snapshot_prune, weir_verb_plugin_list, weir_verb_relay,
    weir_verb_relay_status, weir_verb_run, weir_verb_serve, weir_verb_projection_list,
    weir_verb_projection_status, weir_verb_topic_list, weir_verb_schema_list,
    weir_verb_schema_check, weir_verb_config_show, weir_verb_config_check,
    weir_verb_config_reference, weir_verb_completion, weir_verb_version;
weir_verb_fn weir_verb_projection_rollback, weir_verb_projection_drop;
weir_verb_fn weir_verb_projection_rebuild;
weir_verb_fn weir_verb_partition_list, weir_verb_partition_add;
weir_verb_fn weir_verb_topic_create, weir_verb_topic_reconcile;
weir_verb_fn weir_verb_stream_rewrite;
weir_verb_fn weir_verb_doctor_events;
weir_verb_fn weir_verb_verify_topics;
weir_verb_fn weir_verb_dlq_list, weir_verb_dlq_show, weir_verb_dlq_retry, weir_verb_dlq_discard,
    weir_verb_dlq_edit;
weir_verb_fn weir_verb_projection_pause, weir_verb_projection_resume, weir_verb_projection_reset;
weir_verb_fn weir_verb_query, weir_verb_wait;
weir_verb_fn weir_verb_projection_step, weir_verb_projection_try, weir_verb_verify_projection;
weir_verb_fn weir_verb_saga_list, weir_verb_saga_show, weir_verb_saga_retry,
    weir_verb_saga_compensate, weir_verb_saga_cancel, weir_verb_saga_graph;

#endif
