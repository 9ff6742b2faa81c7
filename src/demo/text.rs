//! Words for the sample documents: titles and sentences that read like a company's, the same on every machine.

/// Rolls the same numbers for the same row, everywhere (splitmix64). For sample text; nothing secret comes from it.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for one row.
    pub(super) fn new(row: u64) -> Self {
        Self(row.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// A number below the bound; zero if there is none.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(mixed % bound).unwrap_or(0)
    }

    /// One of these words; nothing if there are none.
    pub(super) fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words.get(self.below(words.len())).copied().unwrap_or("")
    }
}

/// A data room and what its documents are about.
#[derive(Debug)]
pub(super) struct Theme {
    pub(super) tenant: &'static str,
    pub(super) room: &'static str,
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    titles: &'static [&'static str],
    sentences: &'static [&'static str],
}

impl Theme {
    /// A title.
    pub(super) fn title(&self, dice: &mut Dice) -> String {
        let mut title = String::with_capacity(64);
        fill(dice.pick(self.titles), dice, &mut title);
        title
    }

    /// Three or four sentences.
    pub(super) fn body(&self, dice: &mut Dice) -> String {
        let mut body = String::with_capacity(400);
        let first = dice.below(self.sentences.len());
        for sentence in self.sentences.iter().cycle().skip(first).take(2 + dice.below(2)) {
            fill(sentence, dice, &mut body);
            body.push(' ');
        }
        fill(dice.pick(CLOSINGS), dice, &mut body);
        body
    }
}

/// Writes the pattern with every `{slot}` filled.
fn fill(pattern: &str, dice: &mut Dice, text: &mut String) {
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((slot, following)) = after.split_once('}') else {
            text.push_str(after);
            return;
        };
        match slot {
            "customer" => text.push_str(dice.pick(CUSTOMERS)),
            "supplier" => text.push_str(dice.pick(SUPPLIERS)),
            "month" => text.push_str(dice.pick(MONTHS)),
            "place" => text.push_str(dice.pick(PLACES)),
            "product" => text.push_str(dice.pick(PRODUCTS)),
            "system" => text.push_str(dice.pick(SYSTEMS)),
            "team" => text.push_str(dice.pick(TEAMS)),
            "quarter" => text.push_str(dice.pick(&["Q1", "Q2", "Q3", "Q4"])),
            "year" => text.push_str(dice.pick(&["2024", "2025", "2026"])),
            "percent" => text.push_str(&(2 + dice.below(29)).to_string()),
            "count" => text.push_str(&(3 + dice.below(240)).to_string()),
            "amount" => {
                text.push_str(&(1 + dice.below(40)).to_string());
                text.push(',');
                text.push_str(&(100 + dice.below(900)).to_string());
                text.push_str(",000 euro");
            }
            unknown => text.push_str(unknown),
        }
        rest = following;
    }
    text.push_str(rest);
}

pub(super) const CUSTOMERS: &[&str] = &[
    "Halden Metals",
    "Brightwater Foods",
    "Novak & Sons",
    "Ostsee Logistics",
    "Meridian Health",
    "Kestrel Airways",
    "Lindqvist Paper",
    "Porto Ceramics",
    "Alpine Dairy",
    "Fjord Energy",
    "Castello Furniture",
    "Tern Insurance",
];

const SUPPLIERS: &[&str] = &[
    "Rheintal Castings",
    "Delta Polymers",
    "Svensk Bearings",
    "Iberia Packaging",
    "Moravia Glass",
    "Clyde Electronics",
];

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const PLACES: &[&str] = &["Zurich", "Leipzig", "Gdansk", "Lyon", "Turin", "Aarhus", "Ghent", "Porto"];

pub(super) const PRODUCTS: &[&str] = &[
    "flow meter",
    "pressure valve",
    "control unit",
    "heat exchanger",
    "pump housing",
    "sensor kit",
    "filter cartridge",
    "service contract",
];

const SYSTEMS: &[&str] =
    &["order service", "billing run", "warehouse scanner", "customer portal", "reporting database", "build pipeline"];

const TEAMS: &[&str] = &["logistics", "procurement", "quality", "customer service", "planning", "maintenance"];

const CLOSINGS: &[&str] = &[
    "The next review is in {month}.",
    "Questions go to the {team} team.",
    "A decision is needed before the end of {month}.",
    "The figures were checked with the {team} team.",
    "This replaces the note of {month}.",
    "Nothing else has changed since {quarter}.",
];

/// Every data room of the two companies.
pub(super) const THEMES: &[Theme] = &[
    Theme {
        tenant: "acme",
        room: "finance",
        name: "Finance",
        description: "Budgets, forecasts, audits",
        titles: &[
            "Quarterly forecast {quarter} {year}",
            "Budget review {month} {year}",
            "Cash position {month} {year}",
            "Audit findings: {place} office",
            "Payment terms for {customer}",
            "Cost report {team}, {quarter} {year}",
        ],
        sentences: &[
            "Revenue in {quarter} came to {amount}, {percent} per cent above the plan.",
            "The forecast assumes that {customer} renews in {month}.",
            "Spending on {team} stays below the budget by {percent} per cent.",
            "{count} invoices are overdue by more than thirty days, most of them with {customer}.",
            "The bank in {place} has confirmed the credit line of {amount}.",
            "Prices of {supplier} rise by {percent} per cent from {month}.",
            "We propose to move {amount} from the reserve to the {place} site.",
            "The auditors asked for the contracts with {supplier} and found {count} open items.",
        ],
    },
    Theme {
        tenant: "acme",
        room: "board",
        name: "Board",
        description: "Minutes and papers of the board",
        titles: &[
            "Board minutes {month} {year}",
            "Paper for the board: {place} expansion",
            "Acquisition options, {quarter} {year}",
            "Strategy {year}: where the {product} goes",
            "Risk register {quarter} {year}",
        ],
        sentences: &[
            "The board approved the investment of {amount} in the {place} site.",
            "Talks with {supplier} about a purchase continue; the price is about {amount}.",
            "The {product} line loses {percent} per cent a year and needs a decision.",
            "Two members asked for a second opinion on the contract with {customer}.",
            "The largest risk remains the dependence on {supplier}.",
            "Bonuses for {year} follow the result of {quarter}.",
            "The chair reported on {count} conversations with investors.",
        ],
    },
    Theme {
        tenant: "acme",
        room: "sales",
        name: "Sales",
        description: "Offers, visits, pipelines",
        titles: &[
            "Visit to {customer}, {month} {year}",
            "Offer: {count} {product} for {customer}",
            "Pipeline {quarter} {year}",
            "Lost order: {customer}",
            "Price list {product} {year}",
        ],
        sentences: &[
            "{customer} wants {count} units of the {product} before {month}.",
            "Their buyer compares us with a house in {place} that is {percent} per cent cheaper.",
            "We offered a discount of {percent} per cent for a contract over three years.",
            "The pipeline for {quarter} stands at {amount}, of which half is likely.",
            "{customer} complained about late deliveries to {place}.",
            "A trial of the {product} starts in {month} with {count} users.",
            "The order was lost because the {product} lacks a certificate.",
        ],
    },
    Theme {
        tenant: "acme",
        room: "engineering",
        name: "Engineering",
        description: "Designs, incidents, releases",
        titles: &[
            "Incident report: {system}, {month} {year}",
            "Design note: {product} revision {count}",
            "Release plan {quarter} {year}",
            "Load test of the {system}",
            "Migration of the {system}",
        ],
        sentences: &[
            "The {system} was down for {count} minutes because a certificate had expired.",
            "The new {product} passes {count} of the tests and fails none that matter.",
            "We move the {system} to {place} in {month}, on a weekend.",
            "Errors fell by {percent} per cent after the last release.",
            "The housing is now made by {supplier}, which saves {percent} per cent.",
            "Under load the {system} answers within {count} milliseconds.",
            "The cause was a queue without a bound; it has one now.",
        ],
    },
    Theme {
        tenant: "acme",
        room: "handbook",
        name: "Handbook",
        description: "What everybody at acme should know",
        titles: &[
            "Travel to {place}: what is paid",
            "Working with the {team} team",
            "Holidays and absences {year}",
            "How to report an incident in the {system}",
            "Welcome to acme, {month} {year}",
        ],
        sentences: &[
            "Trips to {place} are booked two weeks ahead, by train where that takes less than six hours.",
            "The {team} team answers within {count} hours on working days.",
            "Holidays for {month} are entered before the end of the month before.",
            "Receipts go to accounting within thirty days.",
            "Whoever finds a fault in the {system} reports it, even if it went away by itself.",
            "New colleagues spend a day with the {team} team in their first month.",
        ],
    },
    Theme {
        tenant: "globex",
        room: "research",
        name: "Research",
        description: "Experiments and results",
        titles: &[
            "Experiment {count}: coating of the {product}",
            "Results {quarter} {year}",
            "Proposal: a lighter {product}",
            "Patent search {month} {year}",
        ],
        sentences: &[
            "The coating lasts {percent} per cent longer than that of {supplier}.",
            "{count} samples were tested at the laboratory in {place}.",
            "The lighter {product} breaks after {count} hours under load.",
            "A patent of {supplier} covers the method, but not the material.",
            "We need {amount} to repeat the series in {month}.",
        ],
    },
    Theme {
        tenant: "globex",
        room: "operations",
        name: "Operations",
        description: "Deliveries, stock, suppliers",
        titles: &[
            "Delivery performance {month} {year}",
            "Stock count {place} {year}",
            "Contract with {supplier}",
            "Shortage of {product}, {quarter} {year}",
        ],
        sentences: &[
            "{percent} per cent of the deliveries to {customer} came late in {month}.",
            "The warehouse in {place} holds {count} units of the {product}.",
            "{supplier} can deliver again from {month} on.",
            "The new carrier saves {amount} a year.",
            "The {team} team works two shifts until the end of {quarter}.",
        ],
    },
    Theme {
        tenant: "globex",
        room: "plant",
        name: "Plant",
        description: "Machines and their upkeep",
        titles: &["Maintenance plan {place} {quarter} {year}", "Fault on line {count}", "Safety round {month} {year}"],
        sentences: &[
            "Line {count} stood still for a day because of a worn {product}.",
            "The safety round found {count} points, none of them serious.",
            "Maintenance of the presses moves to {month}.",
            "Spare parts from {supplier} take {count} days.",
            "Energy use fell by {percent} per cent since {quarter}.",
        ],
    },
];
