/*
 * What tests/bench/bare.py is, in C on libfuse: the same requests, the same answers, one thread.
 *
 *     bare FOLDER MOUNTPOINT
 *
 * Names are kept in memory, and the bytes of each file in a file of FOLDER: see names.h.
 */
#define FUSE_USE_VERSION 34
#include "names.h"
#include <errno.h>
#include <fuse_lowlevel.h>

static fuse_ino_t add(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode) {
    const struct fuse_ctx *who = fuse_req_ctx(req);
    return make(parent, name, mode, who->uid, who->gid);
}

static struct fuse_entry_param entry(fuse_ino_t ino) {
    struct fuse_entry_param told = {.ino = ino, .attr_timeout = HOLDS, .entry_timeout = HOLDS};
    told.attr = nodes[ino].attributes;
    return told;
}

static void bare_lookup(fuse_req_t req, fuse_ino_t parent, const char *name) {
    fuse_ino_t ino = find(parent, name);
    struct fuse_entry_param absent = {.entry_timeout = HOLDS};
    struct fuse_entry_param told = ino ? entry(ino) : absent;
    fuse_reply_entry(req, &told);
}

static void bare_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)file;
    fuse_reply_attr(req, &nodes[ino].attributes, HOLDS);
}

static void bare_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *wanted, int what,
                         struct fuse_file_info *file) {
    struct stat *known = &nodes[ino].attributes;
    (void)file;
    if (what & FUSE_SET_ATTR_MODE)
        known->st_mode = (known->st_mode & S_IFMT) | (wanted->st_mode & 07777);
    if (what & FUSE_SET_ATTR_UID)
        known->st_uid = wanted->st_uid;
    if (what & FUSE_SET_ATTR_GID)
        known->st_gid = wanted->st_gid;
    if (what & FUSE_SET_ATTR_SIZE)
        known->st_size = wanted->st_size;
    fuse_reply_attr(req, known, HOLDS);
}

static void bare_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode) {
    struct fuse_entry_param told = entry(add(req, parent, name, S_IFDIR | mode));
    fuse_reply_entry(req, &told);
}

static void bare_remove(fuse_req_t req, fuse_ino_t parent, const char *name) {
    take_away(find(parent, name));
    fuse_reply_err(req, 0);
}

static void bare_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                        const char *new_name, unsigned int flags) {
    (void)flags;
    move(parent, name, new_parent, new_name);
    fuse_reply_err(req, 0);
}

static void bare_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                        struct fuse_file_info *file) {
    fuse_ino_t ino = add(req, parent, name, S_IFREG | (mode & 07777));
    file->fh = open_kept(ino, O_RDWR | O_CREAT | O_EXCL);
    file->direct_io = 1;
    struct fuse_entry_param told = entry(ino);
    fuse_reply_create(req, &told, file);
}

static void bare_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    if (file->flags & O_TRUNC)
        nodes[ino].attributes.st_size = 0;
    file->fh = open_kept(ino, file->flags & (O_ACCMODE | O_TRUNC));
    file->direct_io = 1;
    fuse_reply_open(req, file);
}

static void bare_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                      struct fuse_file_info *file) {
    char *buffer = malloc(size);
    ssize_t done = pread(file->fh, buffer, size, offset);
    (void)ino;
    fuse_reply_buf(req, buffer, done < 0 ? 0 : done);
    free(buffer);
}

static void bare_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size, off_t offset,
                       struct fuse_file_info *file) {
    ssize_t done = pwrite(file->fh, bytes, size, offset);
    struct stat *known = &nodes[ino].attributes;
    if (done < 0) {
        fuse_reply_err(req, errno);
        return;
    }
    if (known->st_size < offset + done)
        known->st_size = offset + done;
    fuse_reply_write(req, done);
}

static void bare_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino, (void)file;
    fuse_reply_err(req, 0);
}

static void bare_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    close(file->fh);
    fuse_reply_err(req, 0);
}

static void bare_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    fuse_reply_open(req, file);
}

static void bare_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino, (void)file;
    fuse_reply_err(req, 0);
}

static void bare_readdirplus(fuse_req_t req, fuse_ino_t directory, size_t size, off_t after,
                             struct fuse_file_info *file) {
    char *buffer = malloc(size);
    size_t used = 0;
    (void)file;
    for (size_t position = after; position < nodes[directory].count; position++) {
        fuse_ino_t ino = nodes[directory].entries[position];
        if (!ino)
            continue;
        struct fuse_entry_param told = entry(ino);
        size_t taken = fuse_add_direntry_plus(req, buffer + used, size - used, nodes[ino].name,
                                              &told, position + 1);
        if (taken > size - used)
            break;
        used += taken;
    }
    fuse_reply_buf(req, buffer, used);
    free(buffer);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = bare_lookup,
    .getattr = bare_getattr,
    .setattr = bare_setattr,
    .mkdir = bare_mkdir,
    .unlink = bare_remove,
    .rmdir = bare_remove,
    .rename = bare_rename,
    .create = bare_create,
    .open = bare_open,
    .read = bare_read,
    .write = bare_write,
    .flush = bare_flush,
    .release = bare_release,
    .opendir = bare_opendir,
    .releasedir = bare_releasedir,
    .readdirplus = bare_readdirplus,
};

int main(int count, char **words) {
    char *options[] = {words[0], "-o", "fsname=bare,allow_other,default_permissions", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, options);
    if (count != 3 || (folder = open(words[1], O_DIRECTORY | O_CLOEXEC)) < 0)
        return 2;
    new_node(S_IFDIR | 0755, 0, 0);
    struct fuse_session *session =
        fuse_session_new(&arguments, &operations, sizeof operations, NULL);
    if (!session || fuse_session_mount(session, words[2]) != 0)
        return 1;
    fuse_set_signal_handlers(session);
    int ended = fuse_session_loop(session);
    fuse_remove_signal_handlers(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return ended == 0 ? 0 : 1;
}
