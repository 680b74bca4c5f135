// Messages of an operator's order on its way to the deliverer, and of the answer on its way back.
#include "line_message.hpp"
#include "support.hpp"

using flashduty::Order;
using flashduty::OrderDone;
using flashduty::PushVerdict;
using flashduty::read_order;
using flashduty::read_order_done;
using flashduty::read_verdict;
using flashduty::read_woken;
using flashduty::write_order;
using flashduty::write_order_done;

namespace {

Order an_order() {
    Order order;
    order.number = 7;
    order.kind = Order::Kind::kChange;
    order.change.kind = flashduty::EventChange::Kind::kMove;
    order.change.event_id = 17;
    order.change.filter.target_id = 3;
    order.change.filter.key = std::string("a\0b", 3);
    order.change.filter.text = "x";
    order.change.after = -1;
    order.change.server = "*:80 a";
    order.change.location = "/flashduty";
    order.target_id = 4;
    order.pause_ms = 5000;
    order.place = 99;
    return order;
}

void an_order_arrives_as_it_was_given(void**) {
    const Order order = an_order();
    Order read;
    assert_true(read_order(write_order(order), read));
    assert_true(read.number == 7 && read.kind == order.kind);
    assert_true(read.change.kind == order.change.kind && read.change.event_id == 17);
    assert_true(read.change.filter.target_id == 3 && read.change.after == -1);
    assert_text(read.change.filter.key, order.change.filter.key);
    assert_text(read.change.filter.text, "x");
    assert_text(read.change.server, "*:80 a");
    assert_text(read.change.location, "/flashduty");
    assert_true(read.target_id == 4 && read.pause_ms == 5000 && read.place == 99);
}

void the_longest_order_fits_into_a_message(void**) {
    Order order = an_order();
    order.change.filter.key.assign(flashduty::kMaxFilterBytes, 'k');
    order.change.filter.text.assign(flashduty::kMaxFilterBytes, 't');
    order.change.server.assign(4096, 's');
    order.change.location.assign(4096, 'l');
    const std::string message = write_order(order);
    assert_true(message.size() <= flashduty::kMaxLineMessageBytes);
    Order read;
    assert_true(read_order(message, read));
    assert_text(read.change.location, order.change.location);
}

void an_answer_arrives_as_it_was_given(void**) {
    OrderDone done;
    done.number = 8;
    done.is_done = false;
    done.is_found = false;
    done.done = 3;
    done.busy = 2;
    done.superseded = 1;
    done.next = -5;
    done.reason = "the spool is full";
    OrderDone read;
    assert_true(read_order_done(write_order_done(done), read));
    assert_true(read.number == 8 && !read.is_done && !read.is_found);
    assert_true(read.done == 3 && read.busy == 2 && read.superseded == 1 && read.next == -5);
    assert_text(read.reason, "the spool is full");
}

void what_is_cut_is_no_message(void**) {
    Order order;
    OrderDone done;
    const std::string ordered = write_order(an_order()), answered = write_order_done({});
    for (std::size_t size = 0; size < ordered.size(); size++) {
        assert_false(read_order(std::string_view(ordered).substr(0, size), order));
    }
    for (std::size_t size = 0; size < answered.size(); size++) {
        assert_false(read_order_done(std::string_view(answered).substr(0, size), done));
    }
}

void none_is_taken_for_another(void**) {
    Order order;
    OrderDone done;
    PushVerdict verdict;
    const std::string ordered = write_order(an_order()), answered = write_order_done({});
    assert_false(read_order(answered, order) || read_order_done(ordered, done));
    assert_false(read_verdict(ordered, verdict) || read_verdict(answered, verdict));
    assert_true(read_woken(ordered).empty() && read_woken(answered).empty());
    assert_false(read_order(flashduty::write_verdict({}), order));
}

void an_order_of_a_kind_that_is_not_known_is_none(void**) {
    std::string message = write_order(an_order());
    message[1 + sizeof(std::uint64_t)] = 100;
    Order order;
    assert_false(read_order(message, order));
}

}  // namespace

int main() {
    return run("order_message", {cmocka_unit_test(an_order_arrives_as_it_was_given),
                                 cmocka_unit_test(the_longest_order_fits_into_a_message),
                                 cmocka_unit_test(an_answer_arrives_as_it_was_given),
                                 cmocka_unit_test(what_is_cut_is_no_message),
                                 cmocka_unit_test(none_is_taken_for_another),
                                 cmocka_unit_test(an_order_of_a_kind_that_is_not_known_is_none)});
}
