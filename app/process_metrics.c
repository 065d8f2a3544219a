/* Metrics of the process itself, under the names that Prometheus clients share. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/serve_int.h"

static const weir_metric_info resident = {"process_resident_memory_bytes",
                                          "Resident memory size in bytes.", WEIR_GAUGE, NULL};
static const weir_metric_info cpu = {"process_cpu_seconds_total",
                                     "Total user and system CPU time spent in seconds.",
                                     WEIR_COUNTER, NULL};
static const weir_metric_info start = {"process_start_time_seconds",
                                       "Start time of the process since the Unix epoch in seconds.",
                                       WEIR_GAUGE, NULL};
static const weir_metric_info build = {"weir_build_info", "Always 1; its label is the version.",
                                       WEIR_GAUGE, "version"};

static double resident_bytes(void)
{
    long long size = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lld %lld", &size, &pages) != 2)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* started_at is when the kernel started the process, found through its age since boot. */
static double started_at(void)
{
    unsigned long long ticks = 0;
    double uptime = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file) {
        if (fscanf(file,
                   "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
                   "%*d %*d %*d %*d %*d %llu",
                   &ticks) != 1)
            ticks = 0;
        fclose(file);
    }
    file = fopen("/proc/uptime", "re");
    if (file) {
        if (fscanf(file, "%lf", &uptime) != 1)
            uptime = 0;
        fclose(file);
    }
    double age = uptime - (double)ticks / (double)sysconf(_SC_CLK_TCK);
    return (double)weir_clock_now_us() / 1e6 - age;
}

void weir_process_metrics_update(void)
{
    weir_metric *seconds = weir_metrics_series(&cpu, NULL),
                *since = weir_metrics_series(&start, NULL);
    double more = cpu_seconds() - weir_metric_value(seconds);
    weir_metric_set(weir_metrics_series(&resident, NULL), resident_bytes());
    if (more > 0)
        weir_metric_add(seconds, more);
    if (weir_metric_value(since) <= 0)
        weir_metric_set(since, started_at());
    weir_metric_set(weir_metrics_series(&build, weir_version()), 1);
}
