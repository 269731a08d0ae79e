using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Engine;

/// <summary>What a LaVIN is built from. Sources are borrowed and must outlive the model, whose memory theirs may be.</summary>
/// <param name="Llama">LLaMA under Hugging Face's names, such as <see cref="MetaLlamaWeights"/>.</param>
/// <param name="Decoder">Its sizes.</param>
/// <param name="Clip">The vision tower under Hugging Face's names without prefix, such as <see cref="OpenAiClipWeights"/>.</param>
/// <param name="Vision">Its sizes.</param>
/// <param name="Adapters">The adapters under their published names, without <c>module.</c>.</param>
public sealed record LavinWeights(IWeightSource Llama, DecoderConfig Decoder, IWeightSource Clip, ClipVisionConfig Vision, IWeightSource Adapters);
