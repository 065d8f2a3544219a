/* C11 threads by way of POSIX threads, for ThreadSanitizer builds only.
 *
 * The system's librdkafka starts its threads with thrd_create, which ThreadSanitizer (of GCC 12)
 * does not intercept: such a thread crashes at its first allocation. Defined in the program, these
 * take the place of the C library's, whose mtx_t, cnd_t and thrd_t are the POSIX types by another
 * name. Locks taken inside librdkafka so become visible to ThreadSanitizer too. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "mtx_t is a pthread_mutex_t");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "cnd_t is a pthread_cond_t");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t is a pthread_t");

_Static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once_flag is a pthread_once_t");

#define MUTEX(mutex) ((pthread_mutex_t *)(void *)(mutex))
#define CONDITION(condition) ((pthread_cond_t *)(void *)(condition))

static int result(int code)
{
    return code == 0           ? thrd_success
           : code == ENOMEM    ? thrd_nomem
           : code == ETIMEDOUT ? thrd_timedout
           : code == EBUSY     ? thrd_busy
                               : thrd_error;
}

typedef struct start {
    thrd_start_t run;
    void *argument;
} start;

static void *run(void *context)
{
    start begin = *(start *)context;
    free(context);
    return (void *)(intptr_t)begin.run(begin.argument);
}

int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
    start *begin = malloc(sizeof *begin);
    if (!begin)
        return thrd_nomem;
    *begin = (start){function, argument};
    int code = pthread_create(thread, NULL, run, begin);
    if (code)
        free(begin);
    return result(code);
}

int thrd_join(thrd_t thread, int *returned)
{
    void *value = NULL;
    int code = pthread_join(thread, &value);
    if (returned)
        *returned = (int)(intptr_t)value;
    return result(code);
}

void call_once(once_flag *flag, void (*function)(void))
{
    pthread_once((pthread_once_t *)(void *)flag, function);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int code = pthread_mutex_init(MUTEX(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result(code);
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(MUTEX(mutex));
}

int mtx_lock(mtx_t *mutex)
{
    return result(pthread_mutex_lock(MUTEX(mutex)));
}

int mtx_trylock(mtx_t *mutex)
{
    return result(pthread_mutex_trylock(MUTEX(mutex)));
}

int mtx_unlock(mtx_t *mutex)
{
    return result(pthread_mutex_unlock(MUTEX(mutex)));
}

int cnd_init(cnd_t *condition)
{
    return result(pthread_cond_init(CONDITION(condition), NULL));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy(CONDITION(condition));
}

int cnd_signal(cnd_t *condition)
{
    return result(pthread_cond_signal(CONDITION(condition)));
}

int cnd_broadcast(cnd_t *condition)
{
    return result(pthread_cond_broadcast(CONDITION(condition)));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result(pthread_cond_wait(CONDITION(condition), MUTEX(mutex)));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    return result(pthread_cond_timedwait(CONDITION(condition), MUTEX(mutex), until));
}
