using Aperture.Decoding;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>A recorded training batch without its padding, as training steps get batches: prompts with images and their answers, answers labelled.</summary>
internal sealed class TrainingBatch : ITrainingBatch
{
    private readonly Decoder _decoder;
    private readonly Tensor _labels;
    private readonly List<SequenceLayout> _layouts = [];
    private readonly List<int> _answers = [];

    public TrainingBatch(GoldenCase golden, Decoder decoder)
    {
        _decoder = decoder;
        (int prefix, int visual) = (golden.Config.Int("prefix"), golden.Config.Int("visual_tokens"));
        Tensor embeddings = golden.Get("in.inputs_embeds"), labels = golden.Get("in.labels"), mask = golden.Get("in.attention_mask");
        if (golden.Has("in.position_ids"))
        {
            Assert.Equal(Enumerable.Range(0, (int)embeddings.size(1)).Select(i => (long)i), golden.Get("in.position_ids").data<long>().ToArray());
        }

        Padded = (int)embeddings.size(1);
        List<Tensor> rows = [], kept = [];
        for (int sample = 0; sample < (int)embeddings.size(0); sample++)
        {
            int real = (int)mask[sample].sum().item<long>();
            _layouts.Add(GateCase.Layout(prefix, visual, real - prefix - visual));
            rows.Add(embeddings[sample].narrow(0, 0, real));
            kept.Add(labels[sample].narrow(0, 0, real));
            _answers.Add((int)kept[^1].ge(0).sum().item<long>());
        }

        Rows = cat(rows, 0);
        _labels = cat(kept, 0);
    }

    public int Samples => _layouts.Count;

    public IReadOnlyList<SequenceLayout> Layouts => _layouts;

    /// <summary>Packed rows.</summary>
    public Tensor Rows { get; }

    /// <summary>Rows of a sample in the recorded rectangle.</summary>
    public int Padded { get; }

    /// <summary>Answer tokens of a sample.</summary>
    public int Answer(int sample) => _answers[sample];

    public SequenceLayout Layout(int sample) => _layouts[sample];

    public IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods) => DecoderRun.Begin(_decoder, Rows.clone(), _layouts, _labels, null);
}
