using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>What the queries read and became, question by question in the order of a case, the samples without a picture included.</summary>
internal static class QueryChecks
{
    /// <summary>Compares the places of queries and questions, and every recorded value of the block.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="recorded">Its model.</param>
    /// <param name="layouts">The samples.</param>
    /// <param name="before">Rows that the update reads, packed.</param>
    /// <param name="features">Features of the pictures, one a sample.</param>
    /// <param name="labels">Labels of all rows, packed; empty outside training.</param>
    public static void Compare(
        GoldenCase golden, RecordedFlashSloth recorded, IReadOnlyList<SequenceLayout> layouts, Tensor before, IReadOnlyList<VisionFeatures> features,
        long[] labels)
    {
        using EmbeddedQuery block = RecordedEmbq.Open(recorded.Weights, recorded.Model.Decoder.Info.Heads, fused: false);
        int[] modal = [.. golden.Config.GetProperty("modal").EnumerateArray().Select(one => one.GetInt32())];
        List<Tensor> queries = [], questions = [];
        List<int> samples = [];
        int first = 0;
        for (int sample = 0; sample < layouts.Count; sample++)
        {
            int[] places = [.. golden.Config.GetProperty("insert_place")[sample].EnumerateArray().Select(one => one.GetInt32())];
            (int Start, int End)[] ranges =
            [
                .. golden.Config.GetProperty("question_ranges")[sample].EnumerateArray().Select(one => (one[0].GetInt32(), one[1].GetInt32())),
            ];
            ReadOnlySpan<long> own = labels.Length == 0 ? default : labels.AsSpan(first, layouts[sample].Count);
            List<QueryGroup> groups = QueryGroup.Of(layouts[sample], QuestionRange.FirstTurn, own);
            Assert.Equal(places, groups.Select(group => group.First));
            if (modal[sample] == 2)
            {
                Assert.Equal(ranges, groups.Select(group => (group.Question, group.End)));
            }

            for (int i = 0; i < groups.Count; i++)
            {
                queries.Add(before.narrow(0, first + groups[i].First, groups[i].Count));
                questions.Add(before.narrow(0, first + ranges[i].Start, Math.Max(0, ranges[i].End - ranges[i].Start)));
                samples.Add(sample);
            }

            first += layouts[sample].Count;
        }

        long words = questions.Max(question => question.size(0));
        Tensor asked = stack(queries, 0);
        Tensor text = stack([.. questions.Select(own => nn.functional.pad(own, [0, 0, 0, words - own.size(0)], PaddingModes.Constant, 0))], 0);
        Tensor mask = stack([.. questions.Select(own => cat([ones(own.size(0)), zeros(words - own.size(0))], 0))], 0);
        golden.Compare("mid.embq.q_h", asked);
        golden.Compare("mid.embq.t_h", text);
        golden.CompareExact("mid.embq.text_mask", mask);
        Tensor patches = stack([.. samples.Select(sample => features[sample].Tokens)], 0);
        (string Name, Func<EmbqResult, Tensor> Of)[] values =
        [
            ("out", own => own.Rows), ("t2q_map", own => own.Layer.TextMap), ("u", own => own.Layer.Text), ("i2q_out", own => own.Layer.Image),
            ("i2q_map_mean", own => own.Layer.ImageMap.mean([1])),
        ];
        foreach ((string name, Func<EmbqResult, Tensor> of) in values.Where(value => golden.Has("mid.embq." + value.Name)))
        {
            golden.Compare("mid.embq." + name, RecordedEmbq.Rows(block, asked, text, mask, patches, of));
        }
    }
}
