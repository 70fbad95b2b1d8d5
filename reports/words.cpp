#include "reports/words.hpp"

#include <array>

#include "base/decimal.hpp"

namespace busbar::reports {
namespace {

constexpr std::array<std::string_view, 4> language_names{"en", "fr", "nl", "de"};

constexpr Words english{
    .title = "Energy statement",
    .per = {"by badge", "by group", "by cost centre", "by charge point", "by day", "by month"},
    .key = {"Badge", "Group", "Cost centre", "Charge point", "Day", "Month"},
    .label = "Name",
    .sessions = "Sessions",
    .energy = "Energy",
    .cost = "Cost",
    .tax = "Tax included",
    .duration = "Duration",
    .estimated = "Estimated",
    .corrected = "Corrected",
    .without_tariff = "Without tariff",
    .total = "Total",
    .none = "(none)",
    .created = "Created on {}",
    .page = "Page {} of {}",
    .time_zone = "Time zone: {}",
    .tax_included = "Costs include {} of tax.",
    .note_estimated = "Sessions whose end was estimated because the charger did not report it: {}.",
    .note_corrected = "Sessions that were corrected by hand: {}.",
    .note_without_tariff = "Sessions that no tariff applies to, and that are not in the costs: {}.",
    .note_orphans = "Ends of sessions that no start was found for, and that are in no figure: {}.",
    .note_day = "A session counts as a whole on the day on which it ended.",
    .decimal_point = '.',
    .thousands = ",",
};

constexpr Words french{
    .title = "Relevé d'énergie",
    .per = {"par badge", "par groupe", "par centre de coûts", "par borne", "par jour", "par mois"},
    .key = {"Badge", "Groupe", "Centre de coûts", "Borne", "Jour", "Mois"},
    .label = "Nom",
    .sessions = "Sessions",
    .energy = "Énergie",
    .cost = "Coût",
    .tax = "Dont taxe",
    .duration = "Durée",
    .estimated = "Estimées",
    .corrected = "Corrigées",
    .without_tariff = "Sans tarif",
    .total = "Total",
    .none = "(aucun)",
    .created = "Établi le {}",
    .page = "Page {} sur {}",
    .time_zone = "Fuseau horaire : {}",
    .tax_included = "Les coûts comprennent {} de taxe.",
    .note_estimated = "Sessions dont la fin a été estimée, faute d'annonce de la borne : {}.",
    .note_corrected = "Sessions corrigées à la main : {}.",
    .note_without_tariff = "Sessions sans tarif applicable, non comprises dans les coûts : {}.",
    .note_orphans = "Fins de session sans début connu, qui n'entrent dans aucun chiffre : {}.",
    .note_day = "Une session compte en entier le jour où elle s'est terminée.",
    .decimal_point = ',',
    .thousands = "\u00A0",
};

constexpr Words dutch{
    .title = "Energieoverzicht",
    .per = {"per badge", "per groep", "per kostenplaats", "per laadpunt", "per dag", "per maand"},
    .key = {"Badge", "Groep", "Kostenplaats", "Laadpunt", "Dag", "Maand"},
    .label = "Naam",
    .sessions = "Sessies",
    .energy = "Energie",
    .cost = "Kosten",
    .tax = "Waarvan belasting",
    .duration = "Duur",
    .estimated = "Geschat",
    .corrected = "Gecorrigeerd",
    .without_tariff = "Zonder tarief",
    .total = "Totaal",
    .none = "(geen)",
    .created = "Opgesteld op {}",
    .page = "Pagina {} van {}",
    .time_zone = "Tijdzone: {}",
    .tax_included = "De kosten zijn inclusief {} belasting.",
    .note_estimated = "Sessies waarvan het einde is geschat omdat de lader het niet meldde: {}.",
    .note_corrected = "Sessies die met de hand zijn gecorrigeerd: {}.",
    .note_without_tariff = "Sessies zonder passend tarief, niet in de kosten begrepen: {}.",
    .note_orphans = "Einden van sessies zonder bekend begin, in geen enkel cijfer begrepen: {}.",
    .note_day = "Een sessie telt volledig mee op de dag waarop zij eindigde.",
    .decimal_point = ',',
    .thousands = ".",
};

constexpr Words german{
    .title = "Energieabrechnung",
    .per = {"nach Karte", "nach Gruppe", "nach Kostenstelle", "nach Ladepunkt", "nach Tag",
            "nach Monat"},
    .key = {"Karte", "Gruppe", "Kostenstelle", "Ladepunkt", "Tag", "Monat"},
    .label = "Name",
    .sessions = "Ladevorgänge",
    .energy = "Energie",
    .cost = "Kosten",
    .tax = "Davon Steuer",
    .duration = "Dauer",
    .estimated = "Geschätzt",
    .corrected = "Berichtigt",
    .without_tariff = "Ohne Tarif",
    .total = "Summe",
    .none = "(keine)",
    .created = "Erstellt am {}",
    .page = "Seite {} von {}",
    .time_zone = "Zeitzone: {}",
    .tax_included = "In den Kosten sind {} Steuer enthalten.",
    .note_estimated =
        "Ladevorgänge, deren Ende geschätzt ist, weil die Ladestation es nicht gemeldet hat: {}.",
    .note_corrected = "Von Hand berichtigte Ladevorgänge: {}.",
    .note_without_tariff =
        "Ladevorgänge ohne passenden Tarif, die nicht in den Kosten enthalten sind: {}.",
    .note_orphans =
        "Enden von Ladevorgängen ohne bekannten Beginn, die in keiner Zahl enthalten sind: {}.",
    .note_day = "Ein Ladevorgang zählt ganz an dem Tag, an dem er endete.",
    .decimal_point = ',',
    .thousands = ".",
};

std::string two_digits(std::int64_t value) {
    return (value < 10 ? "0" : "") + std::to_string(value);
}

}  // namespace

std::optional<Language> language_from_name(std::string_view name) {
    for (std::size_t i = 0; i < language_names.size(); ++i) {
        if (language_names[i] == name) return static_cast<Language>(i);
    }
    return std::nullopt;
}

const Words& words_of(Language language) {
    switch (language) {
        case Language::french:
            return french;
        case Language::dutch:
            return dutch;
        case Language::german:
            return german;
        case Language::english:
            break;
    }
    return english;
}

std::string number_text(const Words& words, std::int64_t value, int decimals) {
    const auto plain = fixed_text(value, decimals);
    const auto point = plain.find('.');
    const auto whole = plain.substr(0, point);
    std::string out;
    for (std::size_t i = 0; i < whole.size(); ++i) {
        if (i > 0 && (whole.size() - i) % 3 == 0) out += words.thousands;
        out += whole[i];
    }
    if (point != std::string::npos) out += words.decimal_point + plain.substr(point + 1);
    return out;
}

std::string hours_text(std::int64_t seconds) {
    return std::to_string(seconds / 3600) + ":" + two_digits(seconds / 60 % 60);
}

std::string date_text(Language language, std::chrono::year_month_day day) {
    const auto iso = day_text(day);
    const auto year = iso.substr(0, 4);
    const auto month = iso.substr(5, 2);
    const auto of_month = iso.substr(8, 2);
    switch (language) {
        case Language::french:
            return of_month + "/" + month + "/" + year;
        case Language::dutch:
            return of_month + "-" + month + "-" + year;
        case Language::german:
            return of_month + "." + month + "." + year;
        case Language::english:
            break;
    }
    // The only order of figures that no reader of English takes for another date.
    return iso;
}

std::string filled(std::string_view pattern, std::string_view first, std::string_view second) {
    std::string out{pattern};
    for (const auto value : {first, second}) {
        const auto at = out.find("{}");
        if (at == std::string::npos) break;
        out.replace(at, 2, value);
    }
    return out;
}

std::string shown_key(const Row& row, const Words& words) {
    return row.key && !row.key->empty() ? *row.key : std::string{words.none};
}

}  // namespace busbar::reports
