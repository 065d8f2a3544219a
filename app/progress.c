/* The progress line: label, bar, how much of what, how fast, how long still.
 *
 * On a terminal only, so that a log never fills with it. What does not fit is left out from the
 * least wanted on: the bar, then the rate. */
#include "app/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_US 200000
#define BAR 24

static void put_number(weir_buffer *text, int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)number);
    for (int i = 0; i < length; i++) {
        weir_buffer_char(text, digits[i]);
        if ((length - i) % 3 == 1 && i + 1 < length)
            weir_buffer_char(text, ',');
    }
}

static void put_bar(weir_buffer *text, double part)
{
    int full = (int)(part * BAR + 0.5);
    weir_buffer_text(text, " [");
    for (int i = 0; i < BAR; i++)
        weir_buffer_char(text, i < full ? '#' : '.');
    weir_buffer_char(text, ']');
}

static void put_left(weir_buffer *text, int64_t seconds)
{
    if (seconds >= 3600)
        weir_buffer_format(text, ", %lld:%02lld:%02lld left", (long long)seconds / 3600,
                           (long long)seconds / 60 % 60, (long long)seconds % 60);
    else
        weir_buffer_format(text, ", %lld:%02lld left", (long long)seconds / 60,
                           (long long)seconds % 60);
}

void weir_progress_line(weir_buffer *text, const char *label, const char *unit, int64_t done,
                        int64_t total, double rate, int columns)
{
    double part = total > 0 ? (double)done / (double)total : 0;
    part = part > 1 ? 1 : part;
    weir_buffer_text(text, label);
    if (total > 0 && columns >= 100)
        put_bar(text, part);
    if (total > 0)
        weir_buffer_format(text, " %d%%", (int)(part * 100));
    weir_buffer_char(text, ' ');
    put_number(text, done);
    if (total > 0) {
        weir_buffer_text(text, " of ");
        put_number(text, total);
    }
    weir_buffer_format(text, " %s", unit);
    if (rate < 1 || columns < 60)
        return;
    weir_buffer_text(text, ", ");
    put_number(text, (int64_t)rate);
    weir_buffer_text(text, "/s");
    if (total > done)
        put_left(text, (int64_t)((double)(total - done) / rate));
}

static int columns_of_terminal(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void weir_progress_show(weir_progress *progress, const char *label, const char *unit, int64_t done,
                        int64_t total)
{
    int64_t now = weir_clock_monotonic_us();
    if (strncmp(progress->label, label, sizeof progress->label - 1) != 0 || !progress->begun_us) {
        snprintf(progress->label, sizeof progress->label, "%s", label);
        progress->begun_us = now;
        progress->begun_at = done;
    }
    if (!isatty(STDERR_FILENO) || now - progress->shown_us < REDRAW_US)
        return;
    int columns = columns_of_terminal();
    double seconds = (double)(now - progress->begun_us) / 1e6;
    double rate = seconds > 0.5 ? (double)(done - progress->begun_at) / seconds : 0;
    weir_buffer text = WEIR_BUFFER((size_t)1000);
    weir_progress_line(&text, progress->label, unit, done, total, rate, columns);
    fprintf(stderr, "\r%.*s\033[K", columns - 1, text.data);
    fflush(stderr);
    weir_buffer_free(&text);
    progress->shown_us = now;
}

void weir_progress_clear(weir_progress *progress)
{
    if (progress->shown_us)
        fputs("\r\033[K", stderr);
    progress->shown_us = 0;
}
