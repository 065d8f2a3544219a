/* The program's entry. Everything else is in files that tests can link. */
#include "app/app.h"

int main(int argc, char **argv)
{
    return weir_main(argc, argv);
}
