/*
 * The table of names that bare.c and passing.c keep in memory, and the files of a folder in which they keep
 * the bytes of each file; such a file's name is the other one's number.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT 1
#define SLOTS 65536
#define HOLDS 1 /* seconds for which an answer holds */

struct opened; /* what passing.c knows of a file that is open */

struct node {
    struct stat attributes;
    uint64_t parent;
    char *name;
    uint64_t next;     /* of those in the same slot */
    size_t position;   /* in its directory */
    uint64_t *entries; /* of a directory, in the order in which they came; 0: it has gone */
    size_t count, space;
    struct opened *opened;
};

static struct node *nodes;
static size_t made = ROOT, room;
static uint64_t slots[SLOTS];
static int folder;

static uint64_t *slot(uint64_t parent, const char *name) {
    size_t sum = parent;
    while (*name)
        sum = sum * 31 + (unsigned char)*name++;
    return &slots[sum % SLOTS];
}

static uint64_t find(uint64_t parent, const char *name) {
    uint64_t ino = *slot(parent, name);
    while (ino && (nodes[ino].parent != parent || strcmp(nodes[ino].name, name)))
        ino = nodes[ino].next;
    return ino;
}

static void put(uint64_t ino, uint64_t parent, const char *name) {
    struct node *node = &nodes[ino], *directory = &nodes[parent];
    uint64_t *first = slot(parent, name);
    if (directory->count == directory->space) {
        directory->space = directory->space * 2 + 16;
        directory->entries =
            realloc(directory->entries, directory->space * sizeof *directory->entries);
    }
    node->parent = parent;
    node->name = strdup(name);
    node->position = directory->count;
    node->next = *first;
    *first = ino;
    directory->entries[directory->count++] = ino;
}

static void take(uint64_t ino) {
    struct node *node = &nodes[ino];
    uint64_t *link = slot(node->parent, node->name);
    while (*link != ino)
        link = &nodes[*link].next;
    *link = node->next;
    nodes[node->parent].entries[node->position] = 0;
    free(node->name);
}

/* The name of the file with the bytes of another, until the next one is asked for. */
static const char *kept(uint64_t ino) {
    static char number[24];
    snprintf(number, sizeof number, "%lu", (unsigned long)ino);
    return number;
}

static int open_kept(uint64_t ino, int flags) {
    return openat(folder, kept(ino), flags | O_CLOEXEC, 0600);
}

static void remove_kept(uint64_t ino) {
    unlinkat(folder, kept(ino), 0);
}

static void take_away(uint64_t ino) {
    take(ino);
    if (S_ISREG(nodes[ino].attributes.st_mode))
        remove_kept(ino);
}

static void move(uint64_t parent, const char *name, uint64_t new_parent, const char *new_name) {
    uint64_t ino = find(parent, name), replaced = find(new_parent, new_name);
    if (replaced)
        take_away(replaced);
    take(ino);
    put(ino, new_parent, new_name);
}

static uint64_t new_node(mode_t mode, uid_t uid, gid_t gid) {
    if (made + 1 >= room)
        nodes = realloc(nodes, (room = room * 2 + 1024) * sizeof *nodes);
    uint64_t ino = made++;
    struct node *node = &nodes[ino];
    memset(node, 0, sizeof *node);
    node->attributes.st_ino = ino;
    node->attributes.st_mode = mode;
    node->attributes.st_nlink = S_ISDIR(mode) ? 2 : 1;
    node->attributes.st_uid = uid;
    node->attributes.st_gid = gid;
    node->attributes.st_blksize = 128 * 1024;
    return ino;
}

static uint64_t make(uint64_t parent, const char *name, mode_t mode, uid_t uid, gid_t gid) {
    uint64_t ino = new_node(mode, uid, gid);
    put(ino, parent, name);
    return ino;
}
