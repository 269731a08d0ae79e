using Aperture.Decoding;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.DyVte.Training;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>A recorded training batch without its padding: prompts with images, and answers as the labels say.</summary>
internal sealed class TrainingBatch
{
    public TrainingBatch(GoldenCase golden)
    {
        (int prefix, int visual) = (golden.Config.Int("prefix"), golden.Config.Int("visual_tokens"));
        Tensor embeddings = golden.Get("in.inputs_embeds"), labels = golden.Get("in.labels"), mask = golden.Get("in.attention_mask");
        if (golden.Has("in.position_ids"))
        {
            Assert.Equal(Enumerable.Range(0, (int)embeddings.size(1)).Select(i => (long)i), golden.Get("in.position_ids").data<long>().ToArray());
        }

        Padded = (int)embeddings.size(1);
        List<Tensor> rows = [];
        for (int sample = 0; sample < (int)embeddings.size(0); sample++)
        {
            int real = (int)mask[sample].sum().item<long>();
            long[] own = labels[sample].data<long>().ToArray()[..real];
            long[] answer = [.. own.Where(label => label >= 0)];
            Assert.All(own[^answer.Length..], label => Assert.True(label >= 0));
            Layouts.Add(GateCase.Layout(prefix, visual, real - prefix - visual - answer.Length, answer.Length));
            Answers.Add(tensor(answer));
            rows.Add(embeddings[sample].narrow(0, 0, real));
        }

        Rows = cat(rows, 0);
    }

    public List<SequenceLayout> Layouts { get; } = [];

    /// <summary>Packed rows.</summary>
    public Tensor Rows { get; }

    public List<Tensor> Answers { get; } = [];

    /// <summary>Rows of a sample in the recorded rectangle.</summary>
    public int Padded { get; }
}

/// <summary>A case's decoder as training steps see it.</summary>
internal sealed class RecordedLayers(Decoder decoder) : IDecoderLayers
{
    public int Layers => decoder.Info.Layers;

    public Tensor Run(IReadOnlyList<SequenceLayout> layouts, Tensor rows, int from, int to)
    {
        using RequestContext request = new(decoder.Info, layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        return decoder.RunLayers(state, rows, from, to, CancellationToken.None);
    }

    public Tensor Logits(Tensor rows) => decoder.Logits(rows, (int)rows.size(0));
}
