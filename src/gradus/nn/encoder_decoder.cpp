#include <gradus/base/error.h>
#include <gradus/nn/encoder_decoder.h>
#include <gradus/nn/module.h>
#include <gradus/ops/attention.h>
#include <gradus/ops/elementwise.h>
#include <gradus/ops/shaping.h>

namespace gradus {
namespace {

std::string says(const Recurrent& r) {
  return std::to_string(r.layers()) + " x " + std::to_string(r.hidden()) +
         (r.bidirectional ? " in both directions" : "");
}

}  // namespace

Tensor EncoderDecoder::operator()(const Tensor& source, const Tensor& target, Pass& pass,
                                  const Tensor& lengths) const {
  if (source.rank() != 2 || target.rank() != 2 || source.shape()[0] != target.shape()[0])
    raise(ErrorKind::shape, path + ": source " + to_string(source.type()) + ", target " +
                                to_string(target.type()) +
                                ". They are (N, S) and (N, T), a row for each pair.");
  if (encoder.kind != decoder.kind || encoder.bidirectional || decoder.bidirectional ||
      encoder.layers() != decoder.layers() || encoder.hidden() != decoder.hidden())
    raise(ErrorKind::shape,
          path + ": the encoder has states of " + says(encoder) + ", the decoder of " +
              says(decoder) +
              ". The decoder begins in the state in which the encoder ends: both "
              "need one kind, one direction, as many layers and as many numbers.");
  const RecurrentResult read = encoder(embedding(source), pass, {}, lengths);
  const Tensor h = decoder(embedding(target), pass, read.last).output;
  if (!attends) return head(h);
  AttentionOptions looks{.scale = 1};
  if (!lengths.is_absent())  // (N, 1, S): nobody looks behind the end
    looks.mask = expand_dims(less(iota(source.shape()[1]), expand_dims(lengths, 1)), 1);
  const Tensor seen = attention(h, read.output, read.output, looks);
  return head(tanh(join(concatenate({h, seen}, -1))));
}

EncoderDecoder make_encoder_decoder(RecurrentKind kind, Key key, int64_t tokens, int64_t hidden,
                                    const EncoderDecoderOptions& options) {
  const auto part = [&](uint64_t n) { return split(key, n); };
  const RecurrentOptions recurrent{.layers = options.layers, .dtype = options.dtype};
  const LinearOptions linear{.dtype = options.dtype};
  EncoderDecoder m{.embedding = make_embedding(part(0), tokens, hidden, {}, options.dtype),
                   .encoder = make_recurrent(kind, part(1), hidden, hidden, recurrent),
                   .decoder = make_recurrent(kind, part(2), hidden, hidden, recurrent),
                   .join = {},
                   .head = make_linear(part(3), hidden, tokens, linear),
                   .attends = options.attends};
  if (options.attends) m.join = make_linear(part(4), 2 * hidden, hidden, linear);
  return with_paths(std::move(m));
}

}  // namespace gradus
