using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>Updates the rows of learned queries before a layer, from their questions and the raw patches that were shared under the picture's name.</summary>
/// <param name="method">Name of the method, for counts and messages.</param>
/// <param name="weights">The block; borrowed.</param>
/// <param name="groups">Finds the queries of a sample from its layout and its labels.</param>
internal sealed class QueryUpdate(string method, TypedWeights<EmbeddedQuery> weights, QueryUpdate.Finder groups)
{
    /// <summary>Finds the queries of a sample.</summary>
    /// <param name="layout">Its rows.</param>
    /// <param name="labels">Its labels; empty outside training.</param>
    public delegate List<QueryGroup> Finder(SequenceLayout layout, ReadOnlySpan<long> labels);

    /// <summary>The name that a picture's raw patches <c>[N, C]</c> are shared under.</summary>
    public static string Patches(int sample, int image) => $"embq.patches.{sample}.{image}";

    /// <summary>Shares a picture's raw patches, unless a method before did.</summary>
    /// <param name="context">The picture.</param>
    /// <param name="tokens">Its features <c>[N, C]</c>; borrowed.</param>
    public static void Share(IPictureContext context, Tensor tokens)
    {
        string name = Patches(context.Sample, context.Image);
        if (context.Request.Shared(name) is null)
        {
            context.Request.Share(name, tokens.alias());
        }
    }

    /// <summary>The rows that enter the layer.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="rows">Packed rows <c>[rows, H]</c>; borrowed.</param>
    /// <returns>Null where nothing is to change, or where rows were changed in place.</returns>
    public Tensor? Run(ILayerContext context, Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] labels = [];
        if (context.Labels is { } given)
        {
            labels = given.cpu().data<long>().ToArray();
        }

        List<QueryGroup>[] asked = new List<QueryGroup>[context.Samples];
        int words = 0;
        for (int sample = 0; sample < asked.Length; sample++)
        {
            int first = context.Offsets[sample], count = context.Offsets[sample + 1] - first;
            asked[sample] = groups(context.Layout(sample), labels.Length == 0 ? default : labels.AsSpan(first, count));
            words = asked[sample].Aggregate(words, (most, group) => Math.Max(most, group.Words));
        }

        EmbeddedQuery block = weights.For(rows);
        List<long> places = [];
        List<Tensor> updated = [];
        for (int sample = 0; sample < asked.Length; sample++)
        {
            foreach (IGrouping<(int Image, int Count), QueryGroup> same in asked[sample].GroupBy(group => (group.Image, group.Count)))
            {
                if (context.Request.Shared(Patches(sample, same.Key.Image)) is { } patches)
                {
                    int offset = context.Offsets[sample];
                    updated.Add(Update(block, context, sample, rows, offset, [.. same], patches, words).flatten(0, 1)); // [R, Q, H] -> [R Q, H]
                    places.AddRange(same.SelectMany(group => Enumerable.Range(offset + group.First, group.Count).Select(row => (long)row)));
                }
            }
        }

        if (updated.Count == 0)
        {
            return null;
        }

        Tensor index = tensor([.. places], dtype: ScalarType.Int64, device: rows.device), changed = cat(updated, 0);
        if (context.Phase == DecoderPhase.Train)
        {
            return rows.index_copy(0, index, changed).MoveToOuterDisposeScope();
        }

        rows.index_copy_(0, index, changed);
        return null;
    }

    private Tensor Update(
        EmbeddedQuery block, ILayerContext context, int sample, Tensor rows, int offset, QueryGroup[] own, Tensor patches, int words)
    {
        if (patches.size(-1) != block.Weights.ImageWidth)
        {
            throw new ApertureException(
                $"{method}: the embedded queries look at patches of {block.Weights.ImageWidth} channels, but the vision encoder gives {patches.size(-1)}; "
                + "these weights "
                + "are of another model.");
        }

        Tensor queries = stack([.. own.Select(group => rows.narrow(0, offset + group.First, group.Count))], 0); // [R, Q, H]
        List<Tensor> questions = [];
        float[] mask = new float[own.Length * words];
        for (int i = 0; i < own.Length; i++)
        {
            int count = own[i].Words;
            Tensor text = rows.narrow(0, offset + Math.Min(own[i].Question, own[i].End), count);
            questions.Add(count == words ? text : cat([text, zeros(words - count, rows.size(1), dtype: rows.dtype, device: rows.device)], 0));
            mask.AsSpan(i * words, count).Fill(1);
        }

        Tensor shown = tensor(mask, [own.Length, words], device: rows.device); // [R, T]
        EmbqImage image = See(block, context, sample, own[0].Image, patches);
        EmbqResult result = block.Run(queries, stack(questions, 0), shown, image);
        if (context.Request.Trace is { } trace)
        {
            int n = (int)patches.size(0);
            trace.MethodMacs(method, own.Sum(group => block.QuestionMacs(group.Count, group.Words, n)));
            trace.Value(context, sample, "embq.text", result.Layer.TextMap);
            trace.Value(context, sample, "embq.words", result.Layer.Text);
            trace.Value(context, sample, "embq.attention", result.Layer.ImageMap.mean([1])); // [R, heads, Q, N] -> [R, Q, N]
            trace.Value(context, sample, "embq.seen", result.Layer.Image);
            trace.Value(context, sample, "embq.rows", result.Rows);
        }

        return result.Rows;
    }

    // The picture's side serves every later turn of the conversation; in training every forward has a request of its own.
    private EmbqImage See(EmbeddedQuery block, ILayerContext context, int sample, int image, Tensor patches)
    {
        IRequestContext request = context.Request;
        string keys = $"embq.keys.{sample}.{image}", values = $"embq.values.{sample}.{image}";
        if (request.Shared(keys) is { } oldKeys && request.Shared(values) is { } oldValues)
        {
            return new EmbqImage(oldKeys, oldValues);
        }

        EmbqImage seen = block.See(patches);
        request.Trace?.MethodMacs(method, block.ImageMacs((int)patches.size(0)));
        request.Share(keys, seen.Keys);
        request.Share(values, seen.Values);
        return seen;
    }
}
