/* The version of this library, as the build was told it. */
#include "base/base.h"

const char *weir_version(void)
{
    return WEIR_VERSION;
}
