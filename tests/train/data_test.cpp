// Data as users have it: CSV with its troubles, IDX, npy and npz, and what training makes of them.
#include <gmock/gmock.h>
#include <gradus/core/buffer.h>
#include <gradus/io/idx.h>
#include <gradus/io/npy.h>
#include <gradus/train/generate.h>
#include <gtest/gtest.h>
#include <train/runs.h>

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* animals =
    "id,weight,length,kind\n"
    "a1,4,50,cat\na2,30,90,dog\na3,3,70,eel\na4,5,46,cat\na5,25,95,dog\na6,2,65,eel\n"
    "a7,4.5,48,cat\na8,28,88,dog\na9,2.5,72,eel\nb1,,49,cat\n";

TrainConfig animals_config(const Scratch& folder) {
  TrainConfig c;
  c.data = folder.write("animals.csv", animals);
  c.ignore = {"id"};
  c.missing = "drop";
  return c;
}

Dataset load(const TrainConfig& c) {
  return load_dataset(c, c.data, 0);
}

TEST(Csv, labels_are_text_and_ignored_columns_stay_out) {
  const Scratch folder;
  const Dataset d = load(animals_config(folder));
  EXPECT_THAT(d.class_names, ElementsAre("cat", "dog", "eel"));
  EXPECT_THAT(d.feature_names, ElementsAre("weight", "length"));
  EXPECT_THAT(d.y, ElementsAre(0, 1, 2, 0, 1, 2, 0, 1, 2));
  EXPECT_EQ(d.task, Task::classification);
}

TEST(Csv, a_text_feature_is_refused_with_the_way_out) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.ignore.clear();
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("Leave it out with --ignore id."));
  c.ignore = {"idd"};
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("idd"));
}

TEST(Csv, missing_values_are_an_error_or_dropped_or_the_mean) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.missing = "error";
  const std::string message = error_of([&] { load(c); });
  EXPECT_THAT(message, HasSubstr("'weight'"));
  EXPECT_THAT(message, HasSubstr("line 11"));
  EXPECT_THAT(message, HasSubstr("--missing drop or --missing mean"));
  c.missing = "drop";
  EXPECT_EQ(load(c).examples, 9);
  c.missing = "mean";
  const Dataset d = load(c);
  EXPECT_EQ(d.examples, 10);
  EXPECT_EQ(d.row(9)[0], static_cast<float>((4 + 30 + 3 + 5 + 25 + 2 + 4.5 + 28 + 2.5) / 9));
  EXPECT_EQ(d.row(9)[1], 49.0f);
}

TEST(Csv, a_missing_label_has_no_mean) {
  const Scratch folder;
  TrainConfig c;
  c.data = folder.write("t.csv", "a,y\n1,x\n2,\n3,z\n");
  c.missing = "mean";
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("'y'"));
  c.missing = "drop";
  EXPECT_EQ(load(c).examples, 2);
}

TEST(Csv, the_label_is_named_or_counted) {
  const Scratch folder;
  TrainConfig c;
  c.data = folder.write("t.csv", "kind,a,b\n0,1.5,2\n1,3.5,4\n0,5.5,6\n");
  EXPECT_THAT(load(c).feature_names, ElementsAre("kind", "a"));
  for (const char* label : {"kind", "0", "-3"}) {
    c.label = label;
    const Dataset d = load(c);
    EXPECT_THAT(d.feature_names, ElementsAre("a", "b")) << label;
    EXPECT_THAT(d.y, ElementsAre(0, 1, 0)) << label;
  }
  c.label = "knd";
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("kind"));
  c.label = "";
  c.ignore = {"b"};  // the last column that is left
  EXPECT_THAT(load(c).feature_names, ElementsAre("kind"));
}

TEST(Csv, whole_numbers_are_classes_and_others_amounts) {
  const Scratch folder;
  TrainConfig c;
  c.data = folder.write("t.csv", "a,y\n1,10\n2,9\n3,-1\n4,9\n");
  EXPECT_THAT(load(c).class_names, ElementsAre("-1", "9", "10"));
  c.loss = "mse";
  EXPECT_EQ(load(c).task, Task::regression);
  c.loss = "";
  c.data = folder.write("u.csv", "a,y\n1,1.5\n2,2\n");
  EXPECT_EQ(load(c).task, Task::regression);
  c.data = folder.write("v.csv", "a,y\n1,1\n2,1\n");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("Two classes at least"));
}

TEST(Csv, data_to_predict_may_leave_its_labels_out) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.epochs = 40;
  c.batch = 4;
  c.val = 0;
  train(c, folder.path("run"), false);
  const TrainedRun run = load_run(folder.path("run"));
  EXPECT_THAT(run.like.class_names, ElementsAre("cat", "dog", "eel"));
  const std::string fresh = folder.write("new.csv", "id,weight,length\nz,29,91\ny,4,49\nx,2,70\n");
  Dataset d = load_dataset(run.config, fresh, 0, &run.like, false);
  EXPECT_TRUE(d.y.empty());
  run.scaling.apply(d);
  EXPECT_THAT(evaluate(run.model, d, run.loss).predicted, ElementsAre(1, 0, 2));
  const std::string strange = folder.write("s.csv", "id,weight,length,kind\nz,29,91,fox\n");
  EXPECT_THAT(error_of([&] { load_dataset(run.config, strange, 0, &run.like); }),
              HasSubstr("the label 'fox' was not there in training"));
  EXPECT_TRUE(load_dataset(run.config, strange, 0, &run.like, false).y.empty());
  const std::string holes = folder.write("h.csv", "id,weight,length,kind\nz,29,91,\ny,4,49,\n");
  EXPECT_EQ(load_dataset(run.config, holes, 0, &run.like, false).examples, 2);
}

TEST(Csv, later_files_are_matched_by_the_names_in_training) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.label = "-1";
  c.epochs = 10;
  train(c, folder.path("run"), false);
  const TrainedRun run = load_run(folder.path("run"));
  EXPECT_EQ(run.like.label_name, "kind");
  const auto read = [&](const char* text, const TrainedRun& r, bool labelled = true) {
    return load_dataset(r.config, folder.write("t.csv", text), 0, &r.like, labelled);
  };
  const auto accuracy = [&](Dataset d) {
    run.scaling.apply(d);
    const Evaluation e = evaluate(run.model, d, run.loss);
    return std::pair(e.accuracy, e.loss);
  };
  const Dataset same = read("id,weight,length,kind\nz,29,91,dog\ny,4,49,cat\nx,2,70,cat\n", run);
  const Dataset moved = read("kind,length,age,weight\ndog,91,7,29\ncat,49,8,4\ncat,70,9,2\n", run);
  EXPECT_EQ(moved.x, same.x);
  EXPECT_EQ(moved.y, same.y);
  EXPECT_EQ(moved.feature_names, same.feature_names);
  EXPECT_EQ(accuracy(moved), accuracy(same));
  EXPECT_EQ(same.left_out, "");
  EXPECT_EQ(moved.left_out, "'age'");

  EXPECT_EQ(error_of([&] { read("id,weight,kind\nz,29,cat\n", run); }),
            "file: " + folder.path("t.csv") +
                ": the column 'length' is missing; there are 'id', 'weight', 'kind'. Columns are "
                "matched by the names in training. Add it, or rename the column that holds it.");
  EXPECT_EQ(error_of([&] { read("length,height\n91,29\n", run); }),
            "file: " + folder.path("t.csv") +
                ": the columns 'weight', 'kind' are missing; there are 'length', 'height'. Columns "
                "are matched by the names in training. Add them, or rename the columns that hold "
                "them.");
  EXPECT_EQ(error_of([&] { read("length,weight,length\n91,29,1\n", run, false); }),
            "file: " + folder.path("t.csv") +
                ": the column 'length' is there twice. Columns are matched by the names in "
                "training. Rename all but one.");

  TrainedRun older = run;
  older.config.ignore = {"0"};
  EXPECT_EQ(read("1,29,91,dog\n", older).x, (std::vector<float>{29, 91})) << "no header: by place";
  older.like.label_name.clear();
  EXPECT_EQ(read("id,length,weight,kind\nz,91,29,dog\n", older).x, (std::vector<float>{29, 91}));
  EXPECT_EQ(read("i,w,l,k\nz,29,91,dog\n", older, false).x, (std::vector<float>{29, 91}))
      << "names that the record does not hold: by place";
}

TEST(Csv, a_validation_file_may_have_its_columns_in_another_order) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.validation = folder.write("a.csv", "id,weight,length,kind\nz,29,91,dog\ny,4,49,cat\n");
  const RunRecord straight = train(c, folder.path("a"), false);
  c.validation = folder.write("b.csv", "length,kind,weight\n91,dog,29\n49,cat,4\n");
  const RunRecord moved = train(c, folder.path("b"), false);
  EXPECT_EQ(moved.val_loss, straight.val_loss);
  EXPECT_EQ(moved.val_accuracy, straight.val_accuracy);
}

TEST(Csv, of_a_later_file_what_is_wrong_is_mended_in_the_file) {
  const Scratch folder;
  TrainConfig c;
  c.data = folder.write("t.csv", "a,b,y\n1,2,p\n3,4,q\n5,7,p\n");
  const Dataset like = load(c);
  const auto message = [&](const char* text) {
    return error_of([&] { load_dataset(c, folder.write("n.csv", text), 0, &like); });
  };
  EXPECT_EQ(message("a,b,y\n1,,p\n"),
            "file: " + folder.path("n.csv") +
                ": 1 value is missing: 1 in 'b' (line 2). Fill them in, or take their rows out of "
                "the file.");
  EXPECT_EQ(message("a,b,y\n1,two,p\n"),
            "file: " + folder.path("n.csv") +
                ": column 'b' holds text (line 2). Features must be numbers. Write numbers there, "
                "as in training.");
}

TEST(Csv, a_validation_file_is_scaled_like_the_training_file) {
  const Scratch folder;
  TrainConfig c = animals_config(folder);
  c.validation = folder.write(
      "val.csv", "id,weight,length,kind\nz,29,91,dog\ny,4,49,cat\nx,2,70,eel\nw,9,9,cat\n");
  const RunRecord r = train(c, folder.path("run"), false);
  EXPECT_EQ(r.train_count, 9);
  EXPECT_EQ(r.val_count, 4);
  const TrainedRun run = load_run(folder.path("run"));
  Dataset d = load_dataset(run.config, c.validation, 0, &run.like);
  run.scaling.apply(d);
  EXPECT_EQ(evaluate(run.model, d, run.loss).loss, r.val_loss);
}

TEST(Data, the_same_numbers_give_the_same_weights_from_every_format) {
  const Scratch folder;
  const Generated g = generate("digits", 300, 5);
  const Tensor x = from_vector(g.x, {300, 64});
  const Tensor y = from_vector(g.y, {300});
  std::vector<int32_t> small(g.y.begin(), g.y.end());
  write_idx(folder.path("x.idx"), from_vector(g.x, {300, 8, 8}));
  write_idx(folder.path("y.idx"), from_vector(small, {300}));
  write_npy(folder.path("x.npy"), x);
  write_npy(folder.path("y.npy"), y);
  write_npz(folder.path("d.npz"), {{"x", x}, {"y", y}}, Packing::deflated);
  std::string csv;
  for (int f = 0; f < 64; ++f) csv += "p" + std::to_string(f) + ",";
  csv += "digit\n";
  char cell[32];
  for (size_t i = 0; i < 300; ++i) {
    for (size_t f = 0; f < 64; ++f) {
      std::snprintf(cell, sizeof cell, "%.9g,", static_cast<double>(g.x[64 * i + f]));
      csv += cell;
    }
    csv += std::to_string(g.y[i]) + "\n";
  }
  folder.write("d.csv", csv);
  TrainConfig c;
  c.epochs = 25;
  std::vector<std::string> weights;
  const std::vector<std::pair<std::string, std::string>> files{
      {"x.idx", "y.idx"}, {"x.npy", "y.npy"}, {"d.npz", ""}, {"d.csv", ""}};
  for (const auto& [data, labels] : files) {
    c.data = folder.path(data);
    c.labels = labels.empty() ? "" : folder.path(labels);
    const RunRecord r = train(c, folder.path("run-" + data), false);
    EXPECT_EQ(r.classes, 10);
    EXPECT_GT(r.train_accuracy, 0.7) << data;
    weights.push_back(folder.read("run-" + data + "/model.safetensors"));
  }
  EXPECT_THAT(weights, testing::Each(weights[0]));
}

TEST(Data, labels_and_arrays_that_do_not_fit_are_named) {
  const Scratch folder;
  TrainConfig c;
  write_npy(folder.path("x.npy"), from_vector(std::vector<float>(12), {6, 2}));
  write_npy(folder.path("y.npy"), from_vector(std::vector<int64_t>{0, 1, 0}));
  write_npz(folder.path("d.npz"), {{"a", from_vector(std::vector<float>(4), {2, 2})}});
  c.data = folder.path("x.npy");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("--labels FILE"));
  c.labels = folder.path("y.npy");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("for 6 examples"));
  c.data = folder.path("y.npy");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("rank 2, 3 or 4"));
  c.data = folder.path("d.npz");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("Features must be called x and labels y"));
  write_npy(folder.path("x.npy"), from_vector(std::vector<float>{1, INFINITY}, {2, 1}));
  write_npy(folder.path("y.npy"), from_vector(std::vector<int64_t>{0, 1}));
  c.data = folder.path("x.npy");
  EXPECT_THAT(error_of([&] { load(c); }), HasSubstr("'x0' of example 1 is not finite"));
}

TEST(Csv, mixed_labels_are_numbers_by_size_then_texts) {
  const Scratch folder;
  TrainConfig c;
  c.data = folder.write("mixed.csv", "x,kind\n1,1x\n2,10\n3,9\n4,a\n5,10\n");
  EXPECT_THAT(load(c).class_names, ElementsAre("9", "10", "1x", "a"));
}

TEST(Generated, data_of_other_classes_than_the_model_is_refused) {
  TrainConfig c;
  c.data = "moons";
  const Dataset moons = load(c);
  EXPECT_EQ(
      error_of([&] { load_dataset(c, "spirals", 0, &moons); }),
      "file: spirals: its classes are 0, 1, 2, but the model was trained on 0, 1. Give data with "
      "the same classes.");
}

}  // namespace
}  // namespace gradus
