/* topic list: the recorded topic of every aggregate type. */
#include "app/table.h"
#include "app/verbs.h"

bool weir_verb_topic_list(weir_session *session, weir_error *error)
{
    static const weir_column columns[] = {
        {"aggregatetype", "AGGREGATE TYPE", false}, {"topic", "TOPIC", false},
        {"partitions", "PARTITIONS", true},         {"generation", "GENERATION", true},
        {"recordedat", "RECORDED AT", false},       {0}};
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_result *result =
        weir_connection_query(weir_store_connection(store), "cli_topic_list", NULL, 0, error);
    if (result) {
        weir_table *table = weir_table_new(&session->output, session->format, columns);
        for (int row = 0; row < weir_result_rows(result); row++) {
            weir_table_text(table, weir_result_value(result, row, 0));
            weir_table_text(table, weir_result_value(result, row, 1));
            weir_table_number(table, weir_result_integer(result, row, 2));
            weir_table_number(table, weir_result_integer(result, row, 3));
            weir_table_text(table, weir_result_value(result, row, 4));
        }
        weir_table_end(table);
    }
    weir_result_free(result);
    weir_store_close(store);
    return result != NULL;
}
