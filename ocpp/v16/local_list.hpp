// The messages of the OCPP 1.6 Local Auth List Management profile (5.10, 5.15; payloads in
// chapter 6): the badges a charge point knows by itself. Member names are the JSON names, in the
// schema's order. Plain values.
#pragma once

#include "ocpp/v16/common.hpp"

namespace busbar::ocpp::v16 {

// Which version of the list is there (5.10); 0 is an empty list, -1 none supported.
struct GetLocalListVersion {
    static constexpr std::string_view action = "GetLocalListVersion";
    struct Request {};
    struct Response {
        std::int32_t listVersion = 0;
    };
};
BOOST_DESCRIBE_STRUCT(GetLocalListVersion::Request, (), ())
BOOST_DESCRIBE_STRUCT(GetLocalListVersion::Response, (), (listVersion))

// One badge of the list (7.1). In a Differential update an entry without idTagInfo is removed from
// the charge point's list.
struct AuthorizationData {
    IdToken idTag;
    std::optional<IdTagInfo> idTagInfo;
};
BOOST_DESCRIBE_STRUCT(AuthorizationData, (), (idTag, idTagInfo))

BOOST_DEFINE_ENUM_CLASS(UpdateType, Differential, Full)
BOOST_DEFINE_ENUM_CLASS(UpdateStatus, Accepted, Failed, NotSupported, VersionMismatch)
// Replace or change the list (5.15). A Full update with no list, or an empty one, empties it.
struct SendLocalList {
    static constexpr std::string_view action = "SendLocalList";
    struct Request {
        std::int32_t listVersion = 0;
        std::optional<std::vector<AuthorizationData>> localAuthorizationList;
        UpdateType updateType{};
    };
    struct Response {
        UpdateStatus status{};
    };
};
BOOST_DESCRIBE_STRUCT(SendLocalList::Request, (), (listVersion, localAuthorizationList, updateType))
BOOST_DESCRIBE_STRUCT(SendLocalList::Response, (), (status))

}  // namespace busbar::ocpp::v16
