/* One command from its arguments to its exit code.
 *
 * Owns the signals: the first SIGINT or SIGTERM requests a stop, which every wait watches; the
 * second ends the process at once. SIGPIPE is ignored, so that a closed stdout is an error value.
 * An error is said here and nowhere else: as a message on stderr, for daemons as a log line. */
#include "app/session.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "app/help.h"

static weir_stop *signalled;

static void on_signal(int number)
{
    if (weir_stop_requested(signalled))
        _exit(128 + number);
    weir_stop_request(signalled);
}

/* librdkafka and others abort where memory runs out; their own line does not say that. */
static void on_abort(int number)
{
    static const char text[] =
        "weir: aborted. If the line above names rd_malloc, memory ran out: see \"Large and "
        "compressed "
        "messages\" in docs/operate.md. What was not committed is done again at the next start\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
}

static void watch_signals(weir_stop *stop)
{
    signalled = stop;
    struct sigaction aborted = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&aborted.sa_mask);
    sigaction(SIGABRT, &aborted, NULL);
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

weir_stop *weir_session_stop(void)
{
    return signalled;
}

int weir_exit_code(const weir_error *error)
{
    switch (error->code) {
    case WEIR_OK:
        return 0;
    case WEIR_FAILED:
        return 1;
    case WEIR_INVALID:
        return 2;
    case WEIR_NOT_FOUND:
    case WEIR_CONFLICT:
        return 3;
    case WEIR_TIMEOUT:
        return 4;
    }
    return 1;
}

/* add appends a line to the message. */
static void add(weir_error *error, const char *line)
{
    size_t length = strlen(error->message);
    snprintf(error->message + length, sizeof error->message - length, "\n%s", line);
}

/* explain_rights names the roles that the command needs: one of them is not there. */
static void explain_rights(const weir_session *session, weir_error *error)
{
    static const struct {
        int as;
        const char *role;
    } roles[] = {{WEIR_AS_APPENDER, "appender"},
                 {WEIR_AS_READER, "reader"},
                 {WEIR_AS_RELAY, "relay"},
                 {WEIR_AS_PROJECTOR, "projector"},
                 {WEIR_AS_ADMIN, "admin"}};
    const char *schema = weir_config_text(session->config, "store.schema");
    int needs = session->arguments.command->needs;
    weir_buffer names = WEIR_BUFFER(1024);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (needs & roles[i].as)
            weir_buffer_format(&names, "%s%s_%s", names.length ? ", " : "", schema, roles[i].role);
    char *line =
        names.length
            ? weir_format("this needs the role%s %s: GRANT %s TO …",
                          strchr(names.data, ',') ? "s" : "", names.data, names.data)
            : weir_format("this needs the right to create: GRANT CREATE ON DATABASE … TO …");
    if (names.length || needs & WEIR_AS_CREATOR)
        add(error, line);
    free(line);
    weir_buffer_free(&names);
}

void weir_session_explain_config(const weir_config *config, weir_error *error)
{
    bool unreachable = error->fate == WEIR_FATE_RETRY && !error->sqlstate[0] && !error->kafka_code;
    if (unreachable && !weir_config_file(config) && !*weir_config_text(config, "store.conninfo"))
        add(error, "no weir.yaml here and store.conninfo is not set (--config, $WEIR_CONFIG)");
    if (error->kafka_code && error->code == WEIR_TIMEOUT) {
        char brokers[300];
        snprintf(brokers, sizeof brokers, "kafka.brokers is %s",
                 weir_config_text(config, "kafka.brokers"));
        add(error, brokers);
    }
}

/* unreadable: an event has no latest form, and the command can show it as it was recorded. */
static bool unreadable(const weir_arguments *arguments, const weir_error *error)
{
    return error->fate == WEIR_FATE_POISON && error->code == WEIR_FAILED && !error->sqlstate[0] &&
           weir_command_option(arguments->command, "as-stored", strlen("as-stored"), '\0') &&
           !weir_arguments_flag(arguments, "as-stored");
}

/* explain adds the way out to an error that has a usual one. */
static void explain(const weir_session *session, weir_error *error)
{
    if (!session->config)
        return;
    if (strcmp(error->sqlstate, "42501") == 0)
        explain_rights(session, error);
    if (strcmp(error->sqlstate, "22021") == 0) { /* bytes that are no character */
        error->code = WEIR_INVALID;
        add(error, "arguments must be UTF-8");
    }
    if (unreadable(&session->arguments, error))
        add(error, "--as-stored shows events as they were recorded");
    weir_session_explain_config(session->config, error);
}

static void report(const weir_arguments *arguments, const weir_error *error)
{
    const weir_command *command = arguments->command;
    if (error->code == WEIR_OK)
        return;
    if (command && command->needs & WEIR_NEEDS_LOG && error->code == WEIR_FAILED)
        WEIR_ERROR("command", command->name, error->message);
    else
        fprintf(stderr, "weir: %s\n", error->message);
}

static void setup_log(const weir_config *config)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *level = weir_config_text(config, "log.level");
    size_t index = 0;
    while (index < WEIR_LOG_DEBUG && strcmp(levels[index], level) != 0)
        index++;
    weir_log_setup((weir_log_level)index,
                   strcmp(weir_config_text(config, "log.format"), "json") == 0);
}

/* load reads the configuration; --set and --log-level override it. */
static bool load(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char **overrides = weir_calloc(arguments->given_count, sizeof *overrides);
    size_t count = 0;
    char *level = NULL;
    for (size_t i = 0; i < arguments->given_count; i++)
        if (strcmp(arguments->given[i].option->name, "set") == 0)
            overrides[count++] = arguments->given[i].value;
    if (weir_arguments_has(arguments, "log-level")) {
        level = weir_format("log.level=%s", weir_arguments_text(arguments, "log-level"));
        overrides[count++] = level;
    }
    session->config =
        weir_config_load(weir_arguments_text(arguments, "config"), overrides, count, error);
    free(level);
    free(overrides);
    if (!session->config)
        return false;
    setup_log(session->config);
    return weir_conninfo_check(weir_config_text(session->config, "store.conninfo"), error) ||
           weir_error_prefix(error, "%s: store.conninfo",
                             weir_config_source(session->config, "store.conninfo"));
}

static weir_shape shape_of(const weir_arguments *arguments)
{
    const char *text = weir_arguments_text(arguments, "output");
    return strcmp(text, "json") == 0    ? WEIR_SHAPE_JSON
           : strcmp(text, "jsonl") == 0 ? WEIR_SHAPE_JSONL
                                        : WEIR_SHAPE_TABLE;
}

static bool run(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const weir_command *command = arguments->command;
    if (command->formats) {
        session->format = shape_of(arguments);
        if (!(command->formats & 1u << session->format))
            return weir_fail(error, WEIR_FATE_CONFIG, "'weir %s' has no -o %s", command->name,
                             weir_arguments_text(arguments, "output"));
    }
    if (command->needs & WEIR_NEEDS_CONFIG && !load(session, error))
        return false;
    watch_signals(&session->stop);
    return command->run(session, error);
}

weir_store *weir_session_store(weir_session *session, weir_error *error)
{
    char *application = weir_format("weir %s", session->arguments.command->name);
    weir_store *store = weir_store_open(session->config, application, &session->stop, error);
    free(application);
    return store;
}

int weir_session_run(weir_arguments *arguments)
{
    weir_session session = {.arguments = *arguments, .output = WEIR_OUTPUT(STDOUT_FILENO)};
    weir_error error = {0}, written = {0};
    bool ok = weir_stop_open(&session.stop, &error);
    if (ok && (weir_arguments_flag(arguments, "help") || weir_arguments_flag(arguments, "version")))
        weir_help_write(&session.output, arguments);
    else if (ok)
        ok = run(&session, &error);
    bool nothing = error.code == WEIR_NOT_FOUND || error.code == WEIR_INVALID;
    if (!ok && nothing) /* not even the head of an empty table */
        weir_buffer_clear(&session.output.pending);
    if (!weir_output_flush(&session.output, &written) && (ok || written.code == WEIR_OK)) {
        error = written;
        ok = false;
    }
    if (!ok) {
        explain(&session, &error);
        report(arguments, &error);
    }
    signal(SIGINT, SIG_DFL); /* the stop is about to go */
    signal(SIGTERM, SIG_DFL);
    weir_stop_close(&session.stop);
    weir_output_free(&session.output);
    weir_config_free(session.config);
    return ok ? 0 : weir_exit_code(&error);
}

/* guard_standard keeps files and sockets off the numbers 0 to 2 when the caller closed those: else
 * a log line could go into a database connection. What is written there fails. */
static void guard_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
            _exit(1);
}

int weir_main(int argc, char **argv)
{
    guard_standard();
    signal(SIGPIPE, SIG_IGN);
    weir_arguments arguments = {0};
    weir_error error = {0};
    int code;
    if (weir_command_resolve(argc, argv, &arguments, &error)) {
        code = weir_session_run(&arguments);
    } else {
        report(&arguments, &error);
        code = weir_exit_code(&error);
    }
    weir_arguments_free(&arguments);
    return code;
}
