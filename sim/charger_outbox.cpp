// The queue of transaction messages (OCPP 1.6, 3.7): in order, one at a time, unchanged until
// answered, across lost connections and restarts.
#include <algorithm>

#include "sim/charger.hpp"

namespace busbar::sim {

namespace v16 = ocpp::v16;
using ocpp::CallFailure;

namespace {

// Of these, only samples are ever dropped: a StartTransaction or StopTransaction never is.
constexpr std::size_t messages_max = 2'000;

}  // namespace

void Charger::enqueue(TransactionMessage message) {
    using Start = v16::StartTransaction::Request;
    if (options_.misbehaviour.no_start && std::holds_alternative<Start>(message.request)) return;
    if (outbox_.size() >= messages_max) {
        // The first message may be on its way.
        const auto oldest =
            std::find_if(std::next(outbox_.begin()), outbox_.end(), [](const auto& waiting) {
                return std::holds_alternative<v16::MeterValues::Request>(waiting.request);
            });
        if (oldest != outbox_.end()) outbox_.erase(oldest);
    }
    outbox_.push_back(std::move(message));
}

template <class M>
void Charger::transmit(const typename M::Request& request) {
    session_.call<M>(now_, request, {}, [this](const ocpp::Session::Answer<M>& answer) {
        outbox_busy_ = false;
        if (const auto* failure = std::get_if<CallFailure>(&answer)) {
            return transaction_message_failed(*failure);
        }
        if constexpr (std::is_same_v<M, v16::StartTransaction>) {
            started(outbox_.front().charge, std::get<typename M::Response>(answer));
        }
        if constexpr (std::is_same_v<M, v16::StopTransaction>) {
            const std::size_t charge = outbox_.front().charge;
            charges_[charge].stop_answered = true;
            note(event_of(ChargerEvent::Kind::stop_answered, charges_[charge].connector, charge));
        }
        transaction_message_answered(!std::is_same_v<M, v16::MeterValues>);
    });
}

void Charger::send_next_transaction_message() {
    if (!online() || outbox_busy_ || outbox_.empty() || now_.mono < outbox_retry_at_) return;
    if (options_.misbehaviour.stop_before_start) bring_stop_forward();
    outbox_busy_ = true;
    auto& message = outbox_.front();
    // A charge point that was never told an id says -1 (errata 3.18).
    const std::int32_t transaction_id = charges_[message.charge].transaction_id().value_or(-1);
    if (auto* start = std::get_if<v16::StartTransaction::Request>(&message.request)) {
        transmit<v16::StartTransaction>(*start);
    } else if (auto* samples = std::get_if<v16::MeterValues::Request>(&message.request)) {
        samples->transactionId = transaction_id;
        transmit<v16::MeterValues>(*samples);
    } else {
        auto& stop = std::get<v16::StopTransaction::Request>(message.request);
        stop.transactionId = transaction_id;
        transmit<v16::StopTransaction>(stop);
    }
}

// The stop of the charge whose start is first in the queue overtakes it.
void Charger::bring_stop_forward() {
    if (!std::holds_alternative<v16::StartTransaction::Request>(outbox_.front().request)) return;
    const auto stop = std::find_if(outbox_.begin(), outbox_.end(), [&](const auto& waiting) {
        return waiting.charge == outbox_.front().charge &&
               std::holds_alternative<v16::StopTransaction::Request>(waiting.request);
    });
    if (stop == outbox_.end()) return;
    TransactionMessage first = std::move(*stop);
    outbox_.erase(stop);
    outbox_.push_front(std::move(first));
}

void Charger::transaction_message_failed(const CallFailure& failure) {
    if (failure.kind == CallFailure::Kind::disconnected) {
        if (options_.misbehaviour.forget_unanswered) outbox_.pop_front();
        return;  // otherwise again after the next connection
    }
    auto& message = outbox_.front();
    ++message.failures;
    const int attempts = std::max(1, configuration_.number("TransactionMessageAttempts"));
    const bool is_sample = std::holds_alternative<v16::MeterValues::Request>(message.request);
    if (options_.misbehaviour.forget_unanswered || (is_sample && message.failures >= attempts)) {
        outbox_.pop_front();
        return;
    }
    // Pauses grow with each attempt (3.7.1), but what is worth money is never given up.
    outbox_retry_at_ = now_.mono + configuration_.seconds("TransactionMessageRetryInterval") *
                                       std::min(message.failures, attempts);
}

void Charger::transaction_message_answered(bool may_repeat) {
    auto& message = outbox_.front();
    if (may_repeat && options_.misbehaviour.send_twice && !message.answered_once) {
        message.answered_once = true;
    } else {
        outbox_.pop_front();
    }
    outbox_retry_at_ = now_.mono;
}

void Charger::started(std::size_t index, const v16::StartTransaction::Response& answer) {
    Charge& charge = charges_[index];
    charge.transaction_ids.push_back(answer.transactionId);
    const auto status = answer.idTagInfo.status;
    const bool accepted = status == v16::AuthorizationStatus::Accepted;
    remember(charge.id_tag, accepted);
    auto event =
        event_of(accepted ? ChargerEvent::Kind::start_answered : ChargerEvent::Kind::start_refused,
                 charge.connector, index);
    event.detail = enumerator_name(status);
    note(std::move(event));
    Connector& connector = *find(charge.connector);
    if (!accepted && connector.charge == index &&
        configuration_.flag("StopTransactionOnInvalidId")) {
        end_charge(connector, StopReason::DeAuthorized);
    }
}

}  // namespace busbar::sim
