// What a misbehaving charge point makes of its own good messages on their way to the wire, and how
// it reads the answers to what it has distorted. Knows the text only, not the charge point: each
// misbehaviour is a rule of a table. Pure; one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sim/misbehaviour.hpp"

namespace busbar::sim {

// What the rules remember from message to message.
struct DistortionMemory {
    int connectors = 1;
    int calls = 0;                                // so far
    std::optional<Timestamp> first_time;          // of a message
    std::map<std::string, int> own_transactions;  // by the id the central system gave
    std::map<std::string, double> registers;      // the last one of each connector, Wh
    std::string last_samples;                     // the last MeterValues
};

class Distortion {
public:
    Distortion(const Misbehaviour& misbehaviour, int connectors);

    void connected();
    // Messages of the charge point as it means them -> texts for the wire, in order.
    std::vector<std::string> outgoing(std::vector<std::string> messages);
    // A text from the wire -> what the charge point gets to see; empty: nothing.
    std::string incoming(std::string_view text);

private:
    struct Message;

    static Message parse(std::string_view text);
    void distort_call(Message message, std::vector<std::string>& out);
    void distort_answer(Message message, std::vector<std::string>& out);
    std::string wire_id(const Message& message);
    std::string extra_call(std::string_view action, std::string_view payload);
    void add_extras(const Message& message, std::vector<std::string>& out);
    std::string framed(std::string text) const;

    Misbehaviour misbehaviour_;
    bool active_;  // false: everything passes unchanged
    DistortionMemory memory_;
    int ids_given_ = 0;
    int extras_ = 0;
    int answers_ = 0;
    // What is on the wire instead of a message id of ours; the newest last.
    std::deque<std::pair<std::string, std::string>> ids_;
    std::map<std::string, std::string> asked_;     // action by the message id of a call to us
    std::map<std::string, std::string> repeated_;  // wire id by message text
};

// The payload of a message after every rule of this misbehaviour for its action.
std::string distort_payload(const Misbehaviour& misbehaviour, std::string_view action,
                            bool is_answer, std::string payload, DistortionMemory& memory);

// Payloads of calls that follow a call: action and payload of each.
std::vector<std::pair<std::string, std::string>> calls_that_follow(const Misbehaviour& misbehaviour,
                                                                   std::string_view action,
                                                                   const std::string& payload,
                                                                   DistortionMemory& memory);

}  // namespace busbar::sim
