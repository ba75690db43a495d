// gradus inspect FILE: what a data or weight file holds, or one line that says what is wrong.
#include <gradus/app/verbs.h>
#include <gradus/io/inspect.h>

#include <memory>

namespace gradus::app {

void add_inspect(Command& command, const Settings& settings) {
  struct Options {
    std::string file, as;
  };
  auto o = std::make_shared<Options>();
  command.word("FILE", o->file, "CSV, IDX, npy, npz, safetensors, TOML or JSON");
  command.option("--as", o->as, "read it as json, csv, idx, npy, npz, safetensors or toml", "KIND");
  command.example("gradus inspect runs/0001-digits/model.safetensors");
  command.runs([o, &settings] {
    print(settings.json ? describe_json(o->file, o->as) + "\n" : describe(o->file, o->as));
    return static_cast<int>(done);
  });
}

}  // namespace gradus::app
