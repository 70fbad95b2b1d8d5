// What the tests of local lists share: badges, and a list as a charger keeps it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "site/local_list.hpp"

namespace busbar::site::test {

inline Badge badge(const std::string& id_tag) {
    Badge out;
    out.id_tag = id_tag;
    out.status = "active";
    return out;
}

// The idTags of entries, "-" before those that are removed.
inline std::vector<std::string> tags(const LocalListEntries& entries) {
    std::vector<std::string> out;
    for (const auto& entry : entries) {
        out.push_back((entry.idTagInfo ? "" : "-") + entry.idTag.value);
    }
    return out;
}

// The charger's side of 5.15.
struct Holder {
    v16::UpdateStatus take(const v16::SendLocalList::Request& request) {
        const bool full = request.updateType == v16::UpdateType::Full;
        if (!full && (forgets || request.listVersion <= version))
            return v16::UpdateStatus::VersionMismatch;
        if (request.listVersion <= 0) return v16::UpdateStatus::Failed;
        auto changed = full ? decltype(list){} : list;
        std::set<std::string, LessIgnoringCase> named;
        for (const auto& entry : request.localAuthorizationList.value_or(LocalListEntries{})) {
            if (!named.insert(entry.idTag.value).second || (full && !entry.idTagInfo)) {
                return v16::UpdateStatus::Failed;
            }
            changed.erase(entry.idTag.value);
            if (entry.idTagInfo) changed[entry.idTag.value] = *entry.idTagInfo;
        }
        list = std::move(changed);
        version = request.listVersion;
        return v16::UpdateStatus::Accepted;
    }
    std::vector<std::string> id_tags() const {
        std::vector<std::string> out;
        for (const auto& [id_tag, info] : list) out.push_back(id_tag);
        return out;
    }

    std::int32_t version = 0;
    bool forgets = false;  // whatever it held when it gets a Differential list
    std::map<std::string, v16::IdTagInfo, LessIgnoringCase> list;
};

}  // namespace busbar::site::test
