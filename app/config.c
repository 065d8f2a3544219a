/* config show, check and reference. */
#include "config/config.h"
#include "app/names.h"
#include "app/schema.h"
#include "app/verbs.h"
#include "config/kafka.h"
#include "producer/producer.h"
#include "projections/external.h"
#include "projections/projections.h"
#include "store/snapshot_policy.h"

#define PAGE ((size_t)4 * 1024 * 1024)

static void write_page(weir_session *session, weir_buffer *page)
{
    weir_output_bytes(&session->output, page->data, page->length);
    weir_buffer_free(page);
}

bool weir_verb_config_show(weir_session *session, weir_error *error)
{
    (void)error;
    weir_buffer page = WEIR_BUFFER(PAGE);
    weir_config_show(session->config, &page);
    write_page(session, &page);
    return true;
}

bool weir_verb_config_reference(weir_session *session, weir_error *error)
{
    (void)error;
    weir_buffer page = WEIR_BUFFER(PAGE);
    weir_config_reference(&page);
    write_page(session, &page);
    return true;
}

bool weir_verb_config_check(weir_session *session, weir_error *error)
{
    weir_projections projections = {0};
    weir_externals externals = {0};
    weir_sagas sagas = {0};
    weir_executors executors = {0};
    weir_snapshot_policy policy = {0};
    weir_upcasters *upcasters = weir_schema_open(session->config, error);
    bool ok =
        upcasters && weir_kafka_check(session->config, error) &&
        weir_relays_check(session->config, error) &&
        weir_snapshot_policy_configure(session->config, &policy, error) &&
        weir_projections_load(session->config, &projections, error) &&
        weir_sagas_load(session->config, &sagas, error) &&
        weir_executors_load(session->config, &executors, error) &&
        weir_names_check(&(weir_names){session->config, &projections, &sagas, &executors}, error) &&
        weir_externals_load(session->config, &projections, &externals, error);
    weir_upcasters_free(upcasters);
    weir_externals_free(&externals);
    weir_executors_free(&executors);
    weir_sagas_free(&sagas);
    weir_projections_free(&projections);
    if (!ok)
        return false;
    const char *file = weir_config_file(session->config);
    weir_output_format(&session->output, "ok: %s\n",
                       file ? file : "no file, only defaults and the environment");
    return true;
}
