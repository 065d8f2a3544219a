/* How the rows of the tables of commands are written; for app/commands*.c alone. */
#ifndef WEIR_APP_COMMAND_ROWS_H
#define WEIR_APP_COMMAND_ROWS_H

#define FLAG(name, doc)                                                                            \
    {                                                                                              \
        name, 0, NULL, NULL, doc, false, 0, NULL, 0                                                \
    }
#define TEXT(name, value, doc)                                                                     \
    {                                                                                              \
        name, 0, value, NULL, doc, false, 0, NULL, 0                                               \
    }
#define PRESET(name, value, preset, doc)                                                           \
    {                                                                                              \
        name, 0, value, preset, doc, false, 0, NULL, 0                                             \
    }
#define NUMBER(name, value, preset, least, doc)                                                    \
    {                                                                                              \
        name, 0, value, preset, doc, true, least, NULL, 0                                          \
    }

#define BOUNDED(name, value, preset, least, most, doc)                                             \
    {                                                                                              \
        name, 0, value, preset, doc, true, least, NULL, most                                       \
    }

#define ONE_AGGREGATE(doc) TEXT("aggregate", "TYPE ID", doc)

#define EXITS_FAILED "1 failed, 2 usage or configuration"

#endif
