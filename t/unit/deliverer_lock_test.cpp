// There is one deliverer, whatever somebody does to the file of its lock.
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <fstream>

#include "deliverer_lock.hpp"
#include "store_support.hpp"

using flashduty::DelivererLock;

namespace {

void it_is_held_by_one(void**) {
    TempFolder folder;
    DelivererLock first(folder.spool());
    assert_int_equal(first.take(), 0);
    {
        DelivererLock second(folder.spool());
        assert_int_equal(second.take(), EWOULDBLOCK);
        assert_false(second.has_met_other());
        first.give_up();
        assert_int_equal(second.take(), 0);
        assert_int_equal(first.take(), EWOULDBLOCK);
    }
    assert_int_equal(first.take(), 0);
    assert_true(first.look() == DelivererLock::State::kHeld);
}

void spools_of_one_folder_do_not_know_each_other(void**) {
    TempFolder folder;
    DelivererLock first(folder.spool()), second(folder.path() + "/other.db");
    assert_int_equal(first.take(), 0);
    assert_int_equal(second.take(), 0);
}

void a_file_that_was_removed_or_replaced_makes_no_second_one(void**) {
    for (const bool is_replaced : {false, true}) {
        TempFolder folder;
        const std::string file = folder.spool() + ".lock";
        DelivererLock first(folder.spool()), second(folder.spool());
        assert_int_equal(first.take(), 0);
        assert_int_equal(second.take(), EWOULDBLOCK);
        std::filesystem::rename(file, file + ".old");
        if (is_replaced) {
            std::ofstream(file).flush();
        }
        assert_int_equal(second.take(), EWOULDBLOCK);
        assert_true(second.has_met_other());
        DelivererLock third(folder.spool());
        assert_int_equal(third.take(), EWOULDBLOCK);
        assert_true(third.has_met_other());
        assert_true(first.look() == DelivererLock::State::kRestored);
        assert_true(first.look() == DelivererLock::State::kHeld);
        assert_int_equal(second.take(), EWOULDBLOCK);
        assert_false(second.has_met_other());
        first.give_up();
        assert_int_equal(second.take(), 0);
    }
}

void one_who_knows_the_file_alone_takes_it_over(void**) {
    TempFolder folder;
    const std::string file = folder.spool() + ".lock";
    DelivererLock lock(folder.spool());
    assert_int_equal(lock.take(), 0);
    std::filesystem::remove(file);
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0600);
    assert_int_equal(::flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_true(lock.look() == DelivererLock::State::kLost);
    lock.give_up();
    assert_int_equal(lock.take(), EWOULDBLOCK);
    ::close(fd);
    assert_int_equal(lock.take(), 0);
}

/// A folder that cannot be entered hides the file: nobody has removed it.
void it_is_kept_while_its_file_cannot_be_seen(void**) {
    TempFolder folder;
    assert_true(in_process([&] {
        if (::geteuid() == 0 &&
            (::chown(folder.path().c_str(), 65534, 65534) != 0 || ::seteuid(65534) != 0)) {
            return false;
        }
        DelivererLock lock(folder.spool()), other(folder.spool());
        const bool is_taken = lock.take() == 0 && other.take() == EWOULDBLOCK;
        ::chmod(folder.path().c_str(), 0);
        const bool is_held = lock.look() == DelivererLock::State::kHeld && other.take() == EACCES;
        ::chmod(folder.path().c_str(), 0700);
        return is_taken && is_held && other.take() == EWOULDBLOCK && !other.has_met_other() &&
               lock.look() == DelivererLock::State::kHeld;
    }));
}

void it_ends_with_the_process(void**) {
    TempFolder folder;
    assert_true(in_process([&] {
        DelivererLock lock(folder.spool());
        const bool is_taken = lock.take() == 0;
        std::filesystem::remove(folder.spool() + ".lock");
        return is_taken;
    }));
    DelivererLock lock(folder.spool());
    assert_int_equal(lock.take(), 0);
}

void a_link_is_not_followed(void**) {
    TempFolder folder;
    std::filesystem::create_symlink(folder.path() + "/there", folder.spool() + ".lock");
    DelivererLock lock(folder.spool());
    assert_int_equal(lock.take(), ELOOP);
    assert_false(std::filesystem::exists(folder.path() + "/there"));
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(it_is_held_by_one),
        cmocka_unit_test(spools_of_one_folder_do_not_know_each_other),
        cmocka_unit_test(a_file_that_was_removed_or_replaced_makes_no_second_one),
        cmocka_unit_test(one_who_knows_the_file_alone_takes_it_over),
        cmocka_unit_test(it_is_kept_while_its_file_cannot_be_seen),
        cmocka_unit_test(it_ends_with_the_process),
        cmocka_unit_test(a_link_is_not_followed),
    };
    return run("deliverer_lock", tests);
}
