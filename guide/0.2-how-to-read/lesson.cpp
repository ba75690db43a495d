#include <gradus/lessons/page.h>
#include <gradus/gradus.hpp>

namespace {
using namespace gradus;
using namespace gradus::lessons;

// The ten headings beside the two readings.
Drawing two_readings() {
  struct Row {
    const char* heading;
    bool first;
    const char* ask;
  };
  const Row rows[] = {
      {"Why this matters", true, "why should I care?"},
      {"Think of it like...", true, "what is it similar to?"},
      {"In plain English", true, "can I say it without symbols?"},
      {"The math", true, "what does each symbol stand for?"},
      {"Worked example", true, "do I get the same numbers?"},
      {"Code", false, "where is each symbol in the code?"},
      {"Deep dive", false, "why is it so, and when does it fail?"},
      {"Key takeaway", true, "what do I keep?"},
      {"Interview questions", true, "can I explain it to others?"},
      {"Exercises", true, "can I do it alone?"},
  };
  Drawing d{.alt =
                "The ten headings of a lesson. The first reading leaves out Code and Deep dive, "
                "the second reads all ten."};
  d.terminal = "                        first    second   ask yourself\n";
  d.svg =
      "<svg viewBox=\"0 0 560 262\" role=\"img\" font-size=\"13\" font-family=\"inherit\">"
      "<g fill=\"var(--muted)\"><text x=\"190\" y=\"18\">first</text>"
      "<text x=\"245\" y=\"18\">second</text><text x=\"310\" y=\"18\">ask yourself</text></g>";
  int y = 42;
  for (const Row& row : rows) {
    std::string heading = row.heading;
    heading.resize(22, ' ');
    d.terminal +=
        "  " + heading + (row.first ? " read " : " .    ") + "   read     " + row.ask + "\n";
    const std::string at = std::to_string(y), middle = std::to_string(y - 4);
    d.svg += "<text x=\"8\" y=\"" + at + "\" fill=\"var(--ink)\">" + row.heading + "</text>";
    for (const int x : {204, 264}) {
      const bool read = x == 264 || row.first;
      d.svg += "<circle cx=\"" + std::to_string(x) + "\" cy=\"" + middle + "\" r=\"5\" stroke=\"" +
               "var(--accent)\" fill=\"" + (read ? "var(--accent)" : "none") + "\"/>";
    }
    d.svg += "<text x=\"310\" y=\"" + at + "\" fill=\"var(--muted)\">" + row.ask + "</text>";
    y += 23;
  }
  d.svg += "</svg>";
  return d;
}
}  // namespace

LESSON(page) {
  page.picture("readings", two_readings());

  const double x = page.set("x", 2.0);
  // [worked]
  const Tensor power = exp(-Tensor(x));
  const Tensor whole = 1.0 + power;
  const Tensor y = 1.0 / whole;
  // [end]
  page.bind("x", x);
  page.bind("minus-x", -x);
  page.bind("power", number(power));
  page.bind("whole", number(whole));
  page.bind("y", number(y));
  page.bind("library", number(sigmoid(x)));

  // [mirror]
  const Tensor inputs{0, 1, x, 5};
  const Tensor right = sigmoid(inputs), left = sigmoid(-inputs);
  const Tensor both = right + left;
  // [end]
  Table mirror = {{"input", "sigma(input)", "sigma(-input)", "sum of both"}};
  for (int64_t i = 0; i < inputs.size(); ++i)
    mirror.push_back({shown(number(element(inputs, {i}))), shown(number(element(right, {i}))),
                      shown(number(element(left, {i}))), shown(number(element(both, {i})))});
  page.table("mirror", mirror);
  page.bind("at-zero", number(sigmoid(0.0)));
  page.bind("twice", number(sigmoid(2.0 * Tensor(x))));
  page.bind("rise", number(sigmoid(2.0 * Tensor(x))) - number(y));

  const Tensor grid = linspace(-6, 6, 121);
  page.picture("sigmoid", Plot{.id = "sigmoid",
                               .title = "The sigmoid squeezes every number between 0 and 1",
                               .unit = "sigma(x)",
                               .x_label = "x",
                               .lines = {{.label = "sigma",
                                          .x = numbers(grid),
                                          .y = numbers(sigmoid(grid)),
                                          .colour = "var(--r4)"}},
                               .rules = {{"one half", 0.5}},
                               .y_low = 0,
                               .y_high = 1});

  page.exercise(Predict{
      .name = "sigmoid-by-hand",
      .answer = 0.8,
      .wrong = {
          {0.25, "stopped at the power",
           "This is the power of e alone. Two more things happen to it in the formula."},
          {1.25, "fraction forgotten",
           "This is what stands below the line of the fraction. What stands above it?"},
          {4, "one forgotten",
           "You divided 1 by the power alone. What else stands below the line?"},
          {0.2, "sign of x",
           "You used e to the power x, which is 4. The formula has a minus sign in the power."},
          {0.75, "subtraction instead of division",
           "You took the power away from 1. The line of a fraction means division."},
          {5, "division first",
           "You divided and then added 1. The line of a fraction works like brackets."},
      }});

  page.exercise(Predict{
      .name = "mirror-image",
      .answer = 0.1824,
      .wrong = {
          {-0.8176, "output mirrored at zero",
           "You turned the output negative. Can a sigmoid be below 0? Look at its picture."},
          {0.8176, "sign ignored",
           "This is the same output as for the positive input. The curve rises all the way."},
          {1.2231, "one over the output",
           "This is 1 divided by the output. In the table it is a sum that is always the same."},
          {0.3176, "distance to one half",
           "This is how far the output lies above one half. Below one half, go as far down."},
          {0.2231, "power taken for the output",
           "This is e to the power -1.5, a step on the way to the sigmoid of 1.5."},
      }});

  page.exercise(Choose{
      .name = "what-set-does",
      .answer = "rerun",
      .choices = {
          {"rerun", "the lesson's code runs again with x = 3, and all that depends on x changes",
           "", ""},
          {"print", "the page shows 3 where it showed 2, and the results stay",
           "number replaced in the text",
           "Then the page would show a wrong result. Compare the worked example before and after."},
          {"save", "x is 3 from now on, until you change it back", "change kept",
           "Open the lesson once more without --set and look at x."},
          {"exercise", "the answers of the exercises change", "exercises follow",
           "An exercise states its own numbers, so that hints and answers fit everybody."},
          {"library", "the sigmoid is another function from now on", "function changed",
           "The function is the same. What changes when you put another number into it?"},
          {"nothing", "nothing, because a page is text", "page is fixed text",
           "The numbers on a page are computed when you open it. Try it."},
      }});

  page.exercise(Choose{
      .name = "first-reading",
      .answer = "deep",
      .choices = {
          {"deep", "Deep dive", "", ""},
          {"why", "Why this matters", "reason skipped",
           "Without a reason you do not know what to look for. It is read first, and it is short."},
          {"plain", "In plain English", "symbols before words",
           "This is the part that makes the symbols readable. The first reading needs it most."},
          {"math", "The math", "formulas skipped",
           "A first reading looks at the formulas and their symbols. It leaves out the proofs."},
          {"example", "Worked example", "numbers skipped",
           "The numbers are the quickest way into a formula. Both readings have them."},
          {"takeaway", "Key takeaway", "summary skipped",
           "This is the one thing to keep, so it belongs to the first reading."},
          {"exercises", "Exercises", "practice postponed",
           "You notice what you missed only when you try. The exercises come with every reading."},
      }});
}
