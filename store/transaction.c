/* The functions that code calls on a transaction; what they do is for whoever made it to say. */
#include "store/transaction.h"

bool weir_transaction_exec(weir_transaction *transaction, const char *sql, const weir_param *params,
                           int count, weir_error *error)
{
    return transaction->exec(transaction->context, sql, params, count, error);
}

const weir_rows *weir_transaction_query(weir_transaction *transaction, const char *sql,
                                        const weir_param *params, int count, weir_error *error)
{
    return transaction->query(transaction->context, sql, params, count, error);
}

void weir_transaction_at(weir_transaction *transaction, size_t event)
{
    transaction->at(transaction->context, event);
}
