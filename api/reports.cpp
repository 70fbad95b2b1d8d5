// /api/v1/reports/energy: read, summed up and rendered on a thread of the database's.
#include "api/handlers.hpp"
#include "base/calendar_day.hpp"
#include "base/decimal.hpp"
#include "reports/csv.hpp"
#include "reports/json.hpp"
#include "reports/pdf.hpp"
#include "reports/xlsx.hpp"
#include "site/tariffs.hpp"

namespace busbar::api {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr days period_max{3 * 366};

enum class Format { json, csv, xlsx, pdf };

struct Question {
    reports::EnergyQuestion energy;
    Format format = Format::json;
    reports::Language language = reports::Language::english;
};

reports::Tariff priced(const site::Tariff& tariff, const TimeZone& zone) {
    reports::Tariff out;
    out.name = tariff.name;
    out.valid_from = site::valid_from(tariff, zone);
    out.prices = site::week_prices(tariff);
    out.tax_basis_points =
        parse_decimal(tariff.taxPercent.value_or("0"), site::Tariffs::tax_decimals).value_or(0);
    if (!tariff.appliesTo) return out;
    const auto take = [&](const std::optional<std::vector<std::string>>& names,
                          reports::Scope scope) {
        if (!names) return;
        out.scope = scope;
        out.names = *names;
    };
    take(tariff.appliesTo->groups, reports::Scope::groups);
    take(tariff.appliesTo->costCentres, reports::Scope::cost_centres);
    take(tariff.appliesTo->chargePoints, reports::Scope::charge_points);
    return out;
}

reports::PriceList price_list(const Call& call) {
    reports::PriceList out;
    for (const auto& [name, tariff] : call.on.tariffs->all()) {
        out.currency = tariff.currency;
        out.tariffs.push_back(priced(tariff, call.site().settings.time_zone));
    }
    return out;
}

class Reading {
public:
    explicit Reading(const Call& call) : call_{call}, query_{call} {
        add(violations_, query_.violations());
    }

    // Nothing after answering 422.
    std::optional<Question> question() {
        Question out;
        auto& energy = out.energy;
        energy.zone = call_.site().settings.time_zone;
        energy.created_at = call_.now().wall;
        energy.by = named("by", reports::by_from_name, reports::By::badge,
                          "must be badge, group, costCentre, chargePoint, day or month");
        out.format =
            named("format", format_from_name, Format::json, "must be json, csv, xlsx or pdf");
        out.language = named("lang", reports::language_from_name, reports::Language::english,
                             "must be en, fr, nl or de");
        read_period(energy);
        if (!violations_.empty()) {
            call_.respond(invalid(std::move(violations_)));
            return std::nullopt;
        }
        energy.prices = price_list(call_);
        return out;
    }

private:
    static std::optional<Format> format_from_name(std::string_view name) {
        if (name == "json") return Format::json;
        if (name == "csv") return Format::csv;
        if (name == "xlsx") return Format::xlsx;
        if (name == "pdf") return Format::pdf;
        return std::nullopt;
    }

    template <class T>
    T named(std::string_view parameter, std::optional<T> (*from_name)(std::string_view), T usual,
            std::string detail) {
        const auto text = query_.text(parameter);
        if (!text) return usual;
        const auto value = from_name(*text);
        if (!value) refuse(parameter, std::move(detail));
        return value.value_or(usual);
    }

    // Without from and to: the month that the site is in. One alone: up to today, or that day.
    void read_period(reports::EnergyQuestion& energy) {
        const std::chrono::year_month_day today{
            std::chrono::floor<days>(energy.zone.local(energy.created_at))};
        const auto first = day("from");
        const auto last = day("to");
        energy.period.last = last.value_or(today);
        const auto& end = energy.period.last;
        energy.period.first = first.value_or(end.year() / end.month() / 1);
        const auto length = sys_days{energy.period.last} - sys_days{energy.period.first};
        if (length < days{0}) refuse("to", "must not be before from");
        if (length >= period_max) refuse("to", "must be within three years from from");
    }

    std::optional<std::chrono::year_month_day> day(std::string_view parameter) {
        const auto text = query_.text(parameter);
        if (!text) return std::nullopt;
        const auto value = parse_day(*text);
        if (!value) refuse(parameter, "must be a day of the site such as 2027-03-28");
        return value;
    }

    void refuse(std::string_view parameter, std::string detail) {
        add(violations_, {{Defect::bad_value, pointer_to(parameter), std::move(detail)}});
    }

    const Call& call_;
    Query query_;
    std::vector<Violation> violations_;
};

// Runs on the thread of the reader: nothing of the site is touched here.
std::string document_of(const Question& question, const db::EnergyData& data) {
    const auto report = reports::energy_report(question.energy, data);
    switch (question.format) {
        case Format::json:
            return reports::json_of(report);
        case Format::csv:
            return reports::csv_of(report, question.language);
        case Format::xlsx:
            return reports::xlsx_of(report, question.language);
        case Format::pdf:
            return reports::pdf_of(report, question.language,
                                   question.energy.zone.local(question.energy.created_at));
    }
    return {};
}

net::HttpResponse response_of(const Question& question, std::string document) {
    auto response = json_response(200, std::move(document));
    if (question.format == Format::json) return response;
    const auto attach = [&](std::string_view content_type, std::string_view extension) {
        response.content_type = content_type;
        response.headers.emplace_back(
            "Content-Disposition",
            "attachment; filename=\"energy-" + day_text(question.energy.period.first) + "-" +
                day_text(question.energy.period.last) + "." + std::string{extension} + "\"");
    };
    if (question.format == Format::csv) attach("text/csv; charset=utf-8", "csv");
    if (question.format == Format::xlsx) {
        attach("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx");
    }
    if (question.format == Format::pdf) attach("application/pdf", "pdf");
    return response;
}

db::Reader& reader_of(const Call& call) {
    return call.on.report_reader ? *call.on.report_reader : call.on.reader;
}

db::EnergyFilter filter_of(const Question& question) {
    return reports::filter_of(question.energy.period, question.energy.zone);
}

void answer(const Call& call, const Question& question) {
    reader_of(call).energy(
        filter_of(question),
        [question](const db::EnergyData& data) { return document_of(question, data); },
        [call, question](const db::ReadResult<std::string>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            call.respond(response_of(question, std::get<std::string>(result)));
        });
}

// Counts the orphan stops page by page, then answers.
void count_orphans(const Call& call, Question question, std::optional<std::int64_t> cursor) {
    constexpr int page_max = 1000;
    const auto period = filter_of(question);
    db::OrphanStopFilter filter{std::nullopt, period.from, period.to, page_max, cursor};
    reader_of(call).orphan_stops(
        std::move(filter),
        [call, question = std::move(question)](const db::ReadResult<db::OrphanStopPage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::OrphanStopPage>(result);
            auto counted = question;
            counted.energy.orphan_stops += static_cast<std::int64_t>(page.items.size());
            if (!page.next) return answer(call, counted);
            count_orphans(call, std::move(counted), page.next);
        });
}

}  // namespace

void report_energy(const Call& call) {
    auto question = Reading{call}.question();
    if (question) count_orphans(call, std::move(*question), std::nullopt);
}

}  // namespace busbar::api
