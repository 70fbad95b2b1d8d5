// Every payload of OCPP 1.6 as data, for tests that treat all of them alike. Constant after start.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ocpp/v16/all.hpp"

namespace busbar::test {

// A request or a response, with what can be done to it without knowing its type.
struct Payload {
    std::string name;  // as its schema file is called: "Authorize", "AuthorizeResponse"
    std::string_view action;
    bool is_response = false;
    const codec::TypeInfo* type = nullptr;
    // Hands an empty object of the type to `use`.
    std::function<void(const std::function<void(void*)>& use)> with_object;
};

template <class T>
Payload payload(std::string_view action, bool is_response) {
    return {std::string{action} + (is_response ? "Response" : ""), action, is_response,
            &codec::type_info<T>, [](const std::function<void(void*)>& use) {
                T object{};
                use(&object);
            }};
}

template <class... M>
std::vector<Payload> payloads_of(boost::mp11::mp_list<M...>) {
    std::vector<Payload> out;
    (out.push_back(payload<typename M::Request>(M::action, false)), ...);
    (out.push_back(payload<typename M::Response>(M::action, true)), ...);
    return out;
}

// Requests first, in the order of AllMessages, then their responses.
inline const std::vector<Payload>& all_payloads() {
    static const auto payloads = payloads_of(ocpp::v16::AllMessages{});
    return payloads;
}

}  // namespace busbar::test
