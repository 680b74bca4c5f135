// File system of SQLite over the usual one, with a disk that fails.
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

/// Faults of the disk, in every file that is open.
struct DiskFaults {
    bool syncs_fail = false;
    bool writes_fail = false;
    bool is_full = false;
    std::string only;           ///< in files whose names end so
    ino_t only_spool = 0;       ///< in files of the database that is this inode
    bool is_forgetful = false;  ///< a failed sync loses all that was written since the last one
    int sync_ms = 0;            ///< how long a sync takes
    int syncs = 0;              ///< that have succeeded
    int steps_to_live = 0;      ///< the process ends before that step from now; 0: it does not
};

inline DiskFaults disk_faults;

/// Before each step that changes something on the disk.
inline void take_step() {
    if (disk_faults.steps_to_live > 0 && --disk_faults.steps_to_live == 0) {
        ::_exit(9);
    }
}

inline constexpr const char* kFailingVfs = "failing";

namespace failing_vfs {

struct Overwritten {
    sqlite3_int64 offset;
    std::string bytes;
};

/// `base` first, as SQLite needs it; the real file lies behind it.
struct File {
    sqlite3_file base;
    std::string* name;
    std::vector<Overwritten>* unsynced;
};

inline sqlite3_vfs* real_vfs() { return sqlite3_vfs_find("unix"); }
inline File* file_of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
inline sqlite3_file* real(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(file_of(file) + 1);
}

inline bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
}

inline bool concerns(File* file) {
    std::string spool = *file->name;
    if (ends_with(spool, "-wal")) {
        spool.resize(spool.size() - 4);
    }
    struct stat info;
    const bool is_spool = disk_faults.only_spool == 0 || (::stat(spool.c_str(), &info) == 0 &&
                                                          info.st_ino == disk_faults.only_spool);
    return is_spool && ends_with(*file->name, disk_faults.only);
}

inline void forget(sqlite3_file* file) {
    std::vector<Overwritten>& unsynced = *file_of(file)->unsynced;
    for (auto at = unsynced.rbegin(); at != unsynced.rend(); ++at) {
        real(file)->pMethods->xWrite(real(file), at->bytes.data(),
                                     static_cast<int>(at->bytes.size()), at->offset);
    }
    unsynced.clear();
}

inline int close(sqlite3_file* file) {
    const int code = real(file)->pMethods->xClose(real(file));
    delete file_of(file)->name;
    delete file_of(file)->unsynced;
    return code;
}

inline int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    take_step();
    if (concerns(file_of(file))) {
        if (disk_faults.writes_fail) {
            return SQLITE_IOERR_WRITE;
        }
        if (disk_faults.is_full) {
            return SQLITE_FULL;
        }
    }
    if (disk_faults.is_forgetful) {
        std::string before(static_cast<std::size_t>(size), '\0');
        (void)real(file)->pMethods->xRead(real(file), before.data(), size, offset);
        file_of(file)->unsynced->push_back({offset, before});
    }
    return real(file)->pMethods->xWrite(real(file), bytes, size, offset);
}

inline int sync(sqlite3_file* file, int flags) {
    take_step();
    if (disk_faults.syncs_fail && concerns(file_of(file))) {
        forget(file);
        return SQLITE_IOERR_FSYNC;
    }
    ::usleep(static_cast<useconds_t>(disk_faults.sync_ms) * 1000);
    file_of(file)->unsynced->clear();
    disk_faults.syncs++;
    return real(file)->pMethods->xSync(real(file), flags);
}

template <auto kMethod, class... Values>
auto forward(sqlite3_file* file, Values... values) {
    return (real(file)->pMethods->*kMethod)(real(file), values...);
}

using Io = sqlite3_io_methods;

inline const Io kMethods = {
    2,
    close,
    forward<&Io::xRead, void*, int, sqlite3_int64>,
    write,
    forward<&Io::xTruncate, sqlite3_int64>,
    sync,
    forward<&Io::xFileSize, sqlite3_int64*>,
    forward<&Io::xLock, int>,
    forward<&Io::xUnlock, int>,
    forward<&Io::xCheckReservedLock, int*>,
    forward<&Io::xFileControl, int, void*>,
    forward<&Io::xSectorSize>,
    forward<&Io::xDeviceCharacteristics>,
    forward<&Io::xShmMap, int, int, int, void volatile**>,
    forward<&Io::xShmLock, int, int, int>,
    forward<&Io::xShmBarrier>,
    forward<&Io::xShmUnmap, int>,
    nullptr,
    nullptr,
};

inline int open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    file->pMethods = nullptr;
    const int code = real_vfs()->xOpen(real_vfs(), name, real(file), flags, out_flags);
    if (code == SQLITE_OK) {
        file->pMethods = &kMethods;
        file_of(file)->name = new std::string(name == nullptr ? "" : name);
        file_of(file)->unsynced = new std::vector<Overwritten>();
    }
    return code;
}

}  // namespace failing_vfs

/// Call it once; the disk is a good one until `disk_faults` says otherwise.
inline void register_failing_vfs() {
    static sqlite3_vfs vfs;
    vfs = *failing_vfs::real_vfs();
    vfs.zName = kFailingVfs;
    vfs.szOsFile += static_cast<int>(sizeof(failing_vfs::File));
    vfs.xOpen = failing_vfs::open;
    sqlite3_vfs_register(&vfs, 0);
}
