/* The inside of a proof: comparing, once the fold is there. */
#ifndef WEIR_PROJECTIONS_PROOF_INT_H
#define WEIR_PROJECTIONS_PROOF_INT_H

#include "projections/proof.h"

/* weir_proof_columns refuses excluded columns that the tables of schema do not have. */
WEIR_MUST_USE bool weir_proof_columns(weir_connection *connection, const char *schema,
                                      const weir_proof_options *options, weir_error *error);

/* weir_proof_compare compares the tables of the two schemas in the open transaction. */
WEIR_MUST_USE bool weir_proof_compare(weir_connection *connection, const char *refold,
                                      const char *serving, const weir_proof_options *options,
                                      weir_proof *proof, weir_error *error);

#endif
