using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>Gathers the <see cref="AttentionProfile"/> of one prompt while it runs. Maps are read in blocks of rows and never kept.</summary>
internal sealed class AttentionRecorder : IDecoderTrace, IDisposable
{
    private const double SmallestProbability = 1e-30;

    private readonly double[][] _mass, _headMaximum, _density, _updates, _cosines;
    private readonly double[][] _entropies; // text, last, text on keys behind the image, last on those
    private RowGroups? _groups;
    private SequenceLayout? _entered;
    private Tensor? _input;

    public AttentionRecorder(int layers)
    {
        double[][] Empty(int width) => [.. Enumerable.Range(0, layers).Select(_ => Enumerable.Repeat(double.NaN, width).ToArray())];
        _mass = Empty(RowGroups.Pairs.Count);
        _headMaximum = Empty(RowGroups.Pairs.Count);
        _density = Empty(RowGroups.Pairs.Count);
        _updates = Empty(2);
        _cosines = Empty(2);
        _entropies = Empty(4);
    }

    /// <summary>What was gathered.</summary>
    public AttentionProfile Profile => new()
    {
        Mass = _mass,
        HeadMaximumMass = _headMaximum,
        Density = _density,
        TextEntropy = [.. _entropies.Select(e => e[0])],
        LastEntropy = [.. _entropies.Select(e => e[1])],
        TextEntropyBehind = [.. _entropies.Select(e => e[2])],
        LastEntropyBehind = [.. _entropies.Select(e => e[3])],
        UpdateNorm = _updates,
        Cosine = _cosines,
    };

    public bool WantsCache(int layer) => false;

    public bool WantsAttention(int layer) => true;

    public void LayerInput(ILayerContext context, Tensor rows)
    {
        if (context.Phase != DecoderPhase.Prefill)
        {
            return;
        }

        _groups ??= new RowGroups(context.Request.Prompt(0));
        _entered = context.Layout(0);
        _input?.Dispose();
        _input = rows.clone().DetachFromDisposeScope();
    }

    public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
    {
        if (context.Phase != DecoderPhase.Prefill)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        int[] groups = _groups!.Of(context.Layout(0));
        int last = Array.LastIndexOf(groups, RowGroups.Text);
        Device device = _input!.device;
        Tensor keys = OneHot(groups, device); // [keys, 3]
        Tensor text = Where(groups, group => group != RowGroups.Visual, device), behind = Where(groups, group => group == RowGroups.Text, device);
        double[] rows = new double[4], entropies = new double[4];
        double[,] mass = new double[4, 3], maximum = new double[4, 3];
        statistics.RowBlocks(0, [.. Enumerable.Range(0, groups.Length)], (block, probabilities) =>
        {
            using DisposeScope inner = NewDisposeScope();
            Tensor means = probabilities.mean([0]).matmul(keys), maxima = probabilities.amax([0]).matmul(keys); // [heads, rows, keys] -> [rows, 3]
            Tensor entropy = Entropy(probabilities, text), entropyBehind = Entropy(probabilities, behind); // [rows]
            float[] mean = Host(means), largest = Host(maxima), all = Host(entropy), few = Host(entropyBehind);
            for (int i = 0; i < block.Length; i++)
            {
                Add(groups[block[i]], i);
                if (block[i] == last)
                {
                    Add(RowGroups.Last, i);
                }
            }

            void Add(int group, int i)
            {
                rows[group]++;
                for (int key = 0; key < 3; key++)
                {
                    mass[group, key] += mean[(3 * i) + key];
                    maximum[group, key] += largest[(3 * i) + key];
                }

                if (group >= RowGroups.Text)
                {
                    entropies[group - RowGroups.Text] += all[i];
                    entropies[group] += few[i];
                }
            }
        });
        Write(context.Layer, groups, rows, mass, maximum, entropies);
    }

    public void LayerOutput(ILayerContext context, Tensor rows)
    {
        if (context.Phase != DecoderPhase.Prefill)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        SequenceLayout left = context.Layout(0);
        int[] entered = _entered!.Original.ToArray();
        long[] kept = [.. left.Original.ToArray().Select(row => (long)Array.BinarySearch(entered, row))];
        Tensor before = _input!.index_select(0, tensor(kept, device: rows.device)).to_type(ScalarType.Float32), after = rows.to_type(ScalarType.Float32);
        float[] norms = Host(after.sub(before).norm(1).div(before.norm(1))), cosines = Host(nn.functional.cosine_similarity(before, after, 1));
        int[] groups = _groups!.Of(left);
        foreach ((int group, int column) in new[] { (RowGroups.Visual, 0), (RowGroups.Text, 1) })
        {
            int[] members = [.. Enumerable.Range(0, groups.Length).Where(row => groups[row] == group)];
            if (members.Length > 0)
            {
                _updates[context.Layer][column] = members.Average(row => norms[row]);
                _cosines[context.Layer][column] = members.Average(row => cosines[row]);
            }
        }
    }

    public void Dispose() => _input?.Dispose();

    private void Write(int layer, int[] groups, double[] rows, double[,] mass, double[,] maximum, double[] entropies)
    {
        double[] visible = RowGroups.VisibleKeys(groups);
        for (int pair = 0; pair < RowGroups.Pairs.Count; pair++)
        {
            (int query, int key) = (RowGroups.QueryOf(pair), RowGroups.KeyOf(pair));
            if (rows[query] > 0)
            {
                _mass[layer][pair] = mass[query, key] / rows[query];
                _headMaximum[layer][pair] = maximum[query, key] / rows[query];
                _density[layer][pair] = visible[pair] > 0 ? _mass[layer][pair] / visible[pair] : double.NaN;
            }
        }

        for (int i = 0; i < 4; i++)
        {
            _entropies[layer][i] = entropies[i] / rows[RowGroups.Text + (i % 2)];
        }
    }

    // Mean over heads of the entropy of a row's attention on some keys, renormalised; 0 for rows that see none of them.
    private static Tensor Entropy(Tensor probabilities, Tensor keys)
    {
        Tensor chosen = probabilities.index_select(2, keys); // [heads, rows, keys]
        Tensor share = chosen.div(chosen.sum([2L], keepdim: true).clamp_min(SmallestProbability));
        return share.mul(share.clamp_min(SmallestProbability).log()).sum([2L]).neg().mean([0]);
    }

    private static Tensor OneHot(int[] groups, Device device)
    {
        float[] hot = new float[groups.Length * 3];
        for (int row = 0; row < groups.Length; row++)
        {
            hot[(3 * row) + groups[row]] = 1;
        }

        return tensor(hot, [groups.Length, 3], device: device);
    }

    private static Tensor Where(int[] groups, Func<int, bool> wanted, Device device)
        => tensor([.. Enumerable.Range(0, groups.Length).Where(row => wanted(groups[row])).Select(row => (long)row)], device: device);

    private static float[] Host(Tensor values)
    {
        using Tensor host = values.cpu();
        using Tensor dense = host.contiguous();
        return dense.data<float>().ToArray();
    }
}
