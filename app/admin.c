/* HTTP over libmicrohttpd.
 *
 * The socket is opened here, so that a taken port is an error with its reason. A request holds
 * nothing: pages are made whole, in memory, bounded. Slow or idle clients are cut off. */
#include "app/admin.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY ((size_t)16 * 1024 * 1024)
#define CONNECTIONS 64u
#define IDLE_SECONDS 10u

struct weir_admin {
    struct MHD_Daemon *daemon;
    const weir_page *pages;
    void *context;
    char address[NI_MAXHOST + NI_MAXSERV + 4];
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status,
                             const char *content_type, weir_buffer *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body->length, body->data ? body->data : (char[]){""}, MHD_RESPMEM_MUST_COPY);
    weir_buffer_free(body);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    (void)version, (void)upload;
    static char seen;
    weir_admin *admin = context;
    weir_buffer body = WEIR_BUFFER(BODY);
    if (*request == NULL) { /* headers only so far */
        *request = &seen;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* a body is read and dropped */
        *upload_size = 0;
        return MHD_YES;
    }
    const weir_page *page = admin->pages;
    while (page->path && strcmp(page->path, url) != 0)
        page++;
    if (!page->path) {
        weir_buffer_text(&body, "there is no such page\n");
        return reply(connection, MHD_HTTP_NOT_FOUND, "text/plain; charset=utf-8", &body);
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        weir_buffer_text(&body, "only GET and HEAD\n");
        return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", &body);
    }
    unsigned status = page->write(admin->context, &body);
    return reply(connection, status, page->content_type, &body);
}

/* split takes "host:port" or "[host]:port" apart; an empty host means every address. */
static bool split(const char *listen, char *host, size_t size, const char **port, weir_error *error)
{
    const char *colon = strrchr(listen, ':');
    const char *from = listen;
    size_t length = colon ? (size_t)(colon - listen) : 0;
    if (length >= 2 && from[0] == '[' && from[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (!colon || length >= size || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
        return weir_fail(error, WEIR_FATE_CONFIG, "admin.listen: '%s' is not host:port", listen);
    memcpy(host, from, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

static int listen_on(const struct addrinfo *address)
{
    int one = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int open_socket(const char *text, weir_error *error)
{
    char host[NI_MAXHOST];
    const char *port = NULL;
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (!split(text, host, sizeof host, &port, error))
        return -1;
    int code = getaddrinfo(*host ? host : NULL, port, &hints, &list);
    if (code) {
        weir_fail(error, WEIR_FATE_CONFIG, "admin.listen: %s: %s", text, gai_strerror(code));
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = listen_on(at);
    if (fd < 0)
        weir_fail(error, WEIR_FATE_CONFIG, "admin.listen: cannot listen on %s: %s", text,
                  strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static void name_address(weir_admin *admin, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        getnameinfo((struct sockaddr *)&address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(admin->address, sizeof admin->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
             port);
}

weir_admin *weir_admin_open(const char *text, const weir_page *pages, void *context,
                            weir_error *error)
{
    int fd = open_socket(text, error);
    if (fd < 0)
        return NULL;
    weir_admin *admin = weir_calloc(1, sizeof *admin);
    admin->pages = pages;
    admin->context = context;
    name_address(admin, fd);
    admin->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, answer,
                         admin, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                         CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
    if (!admin->daemon) {
        weir_fail(error, WEIR_FATE_FATAL, "the admin listener did not start");
        close(fd);
        free(admin);
        return NULL;
    }
    return admin;
}

const char *weir_admin_address(const weir_admin *admin)
{
    return admin->address;
}

void weir_admin_close(weir_admin *admin)
{
    if (!admin)
        return;
    MHD_stop_daemon(admin->daemon); /* closes the socket too */
    free(admin);
}
