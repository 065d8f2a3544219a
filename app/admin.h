/* The admin listener: a small HTTP server for probes and scrapes. It serves GET and HEAD of a fixed
 * table of pages, from one thread of its own. */
#ifndef WEIR_APP_ADMIN_H
#define WEIR_APP_ADMIN_H

#include "base/base.h"

/* weir_page_fn fills the body and returns the HTTP status. It runs in the listener's thread. */
typedef unsigned weir_page_fn(void *context, weir_buffer *body);

typedef struct weir_page {
    const char *path;
    const char *content_type;
    weir_page_fn *write;
} weir_page;

typedef struct weir_admin weir_admin;

/* weir_admin_open listens on "host:port" ("[v6]:port"; port 0: any free one). pages end with a NULL
 * path; they and context outlive the listener. CONFIG when the address is wrong or taken. */
weir_admin *weir_admin_open(const char *listen, const weir_page *pages, void *context,
                            weir_error *error);

/* weir_admin_address is where it listens, "127.0.0.1:8780". */
const char *weir_admin_address(const weir_admin *admin);
void weir_admin_close(weir_admin *admin);

#endif
