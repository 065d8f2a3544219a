/* What a content type says about the content. Parameters, and the blanks before them, do not count;
 * neither does case. JSON is decided as weir.append decides it. */
#include <string.h>
#include <strings.h>

#include "store/codec.h"
#include "store/event.h"

static size_t without_parameters(const char *content_type)
{
    size_t length = strcspn(content_type, ";");
    while (length > 0 && content_type[length - 1] == ' ')
        length--;
    return length;
}

/* ends: with a suffix, and there is something before it. */
static bool ends(const char *content_type, const char *suffix)
{
    size_t length = without_parameters(content_type), tail = strlen(suffix);
    return length > tail && strncasecmp(content_type + length - tail, suffix, tail) == 0;
}

bool weir_is_json(const char *content_type)
{
    return ends(content_type, "/json") || ends(content_type, "+json");
}

bool weir_is_msgpack(const char *content_type)
{
    static const char *const names[] = {"application/msgpack", "application/x-msgpack",
                                        "application/vnd.msgpack"};
    size_t length = without_parameters(content_type);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (length == strlen(names[i]) && strncasecmp(content_type, names[i], length) == 0)
            return true;
    return ends(content_type, "+msgpack");
}
