/* What lies in a folder, where that is plain files and folders only, in plain C. No function needs Python. */

#ifndef LATPROF_FOLDER_H
#define LATPROF_FOLDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A name is `length` bytes from `start` on among all names. A file has its device, number, size and both times in ns. */
typedef struct {
    int64_t start, length, device, size, modified_ns, changed_ns;
    uint64_t number;
    int is_folder;
} Entry;

typedef struct {
    Entry *entries;
    char *names;
    int64_t count, room, used, space;
} Listing;

typedef struct {
    const char *text;
    int64_t length;
} Suffix;

enum { NO_MEMORY = -1, NOT_PLAIN = 0, PLAIN = 1 };

static int64_t more(int64_t room, int64_t least) { return 2 * room > least ? 2 * room : least; }

/* Room for one more entry with a name of this length. */
static Entry *added(Listing *listing, const char *name, int64_t length) {
    if (listing->count == listing->room) {
        int64_t room = more(listing->room, 64);
        Entry *entries = realloc(listing->entries, room * sizeof *entries);
        if (!entries) return NULL;
        listing->entries = entries, listing->room = room;
    }
    if (listing->used + length > listing->space) {
        int64_t space = more(listing->space, listing->used + length + 4096);
        char *names = realloc(listing->names, space);
        if (!names) return NULL;
        listing->names = names, listing->space = space;
    }
    Entry *entry = listing->entries + listing->count++;
    memset(entry, 0, sizeof *entry);
    memcpy(listing->names + listing->used, name, length);
    entry->start = listing->used, entry->length = length;
    listing->used += length;
    return entry;
}

static int ends_with(const char *name, int64_t length, const Suffix *suffixes, int64_t count) {
    for (int64_t k = 0; k < count; k++) {
        int64_t behind = length - suffixes[k].length;
        if (behind >= 0 && !memcmp(name + behind, suffixes[k].text, suffixes[k].length)) return 1;
    }
    return 0;
}

#if defined(__unix__) || defined(__APPLE__)
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#endif

#if defined(DT_DIR) && defined(PATH_MAX)
#ifdef __APPLE__
#define TIME_OF(status, which) ((status).st_##which##timespec)
#else
#define TIME_OF(status, which) ((status).st_##which##tim)
#endif
/* Seconds whose nanoseconds can be told: up to some time in the year 2262. */
#define MOST_SECONDS (INT64_MAX / 1000000000 - 1)

static int has_folders(void) { return 1; }

static int can_be_told(struct timespec time) { return time.tv_sec <= MOST_SECONDS && time.tv_sec >= -MOST_SECONDS; }

static int64_t ns_of(struct timespec time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec; }

/* Fills in what `name` in an open folder is; whether that is a plain file. */
static int looked_at(int folder, const char *name, Entry *entry) {
    struct stat status;
    if (fstatat(folder, name, &status, 0) || !S_ISREG(status.st_mode)) return 0;
    if (!can_be_told(TIME_OF(status, m)) || !can_be_told(TIME_OF(status, c))) return 0;
    entry->device = (int64_t)status.st_dev, entry->number = (uint64_t)status.st_ino;
    entry->size = (int64_t)status.st_size;
    entry->modified_ns = ns_of(TIME_OF(status, m)), entry->changed_ns = ns_of(TIME_OF(status, c));
    return 1;
}

/* The folders in a folder, and its files with one of these suffixes. Not plain is a folder with a link, with anything
   else that is neither file nor folder, with paths that are too long or times that are too far, or one that cannot be
   listed: these want a closer look. */
static int listed(const char *path, const Suffix *suffixes, int64_t count, Listing *listing) {
    listing->count = listing->used = 0;
    int64_t before = (int64_t)strlen(path) + 1;
    DIR *folder = opendir(path);
    int found = folder ? PLAIN : NOT_PLAIN;
    while (found == PLAIN) {
        errno = 0;
        const struct dirent *item = readdir(folder);
        if (!item) {
            if (errno) found = NOT_PLAIN;
            break;
        }
        const char *name = item->d_name;
        int64_t length = (int64_t)strlen(name);
        if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))) continue;
        if (item->d_type != DT_DIR && item->d_type != DT_REG) {
            found = NOT_PLAIN;
            break;
        }
        if (item->d_type == DT_REG && !ends_with(name, length, suffixes, count)) continue;
        if (before + length >= PATH_MAX) {
            found = NOT_PLAIN;
            break;
        }
        Entry *entry = added(listing, name, length);
        if (!entry) {
            found = NO_MEMORY;
            break;
        }
        entry->is_folder = item->d_type == DT_DIR;
        if (!entry->is_folder && !looked_at(dirfd(folder), name, entry)) found = NOT_PLAIN;
    }
    if (folder) closedir(folder);
    return found;
}
#else
/* Systems whose lists of names do not say what is a folder. */
static int has_folders(void) { return 0; }

static int listed(const char *path, const Suffix *suffixes, int64_t count, Listing *listing) {
    (void)path, (void)suffixes, (void)count, (void)listing;
    return NOT_PLAIN;
}
#endif

#endif
