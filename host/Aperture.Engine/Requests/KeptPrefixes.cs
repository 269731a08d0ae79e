using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// What a model keeps of the questions that it was asked, for later ones that begin alike: pictures as its encoder saw them, and keys and values of prompts'
/// first rows. Both lie within one budget of memory; what was not used for longest goes first. Whoever takes something gets tensors of his own, so that nothing
/// is freed under a request. Safe to use from any thread.
/// </summary>
/// <param name="budget">Bytes.</param>
internal sealed class KeptPrefixes(long budget) : IDisposable
{
    /// <summary>The budget where nobody says otherwise: 1 GiB.</summary>
    public const long DefaultBudget = 1L << 30;

    // Every question is compared with every prompt.
    private const int MostPrompts = 32;

    private readonly Lock _gate = new();
    private readonly List<Kept> _kept = []; // the one used last comes last
    private bool _isClosed;

    /// <summary>Bytes of what is kept.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _kept.Sum(own => own.Bytes);
            }
        }
    }

    /// <summary>A picture's features, if the encoder has seen it.</summary>
    /// <param name="rgb">The picture.</param>
    /// <param name="rows">In how many rows at most the encoder looks at it.</param>
    /// <returns>Features that cost nothing now; the caller disposes them. Null for a picture that is not there.</returns>
    public VisionFeatures? Find(Image rgb, int rows)
    {
        lock (_gate)
        {
            if (_kept.OfType<KeptPicture>().FirstOrDefault(own => own.Is(rgb, rows)) is not { } picture)
            {
                return null;
            }

            Touch(picture);
            return Alias(picture.Features) with { Macs = 0, Stages = [] };
        }
    }

    /// <summary>Keeps a picture's features.</summary>
    /// <param name="rgb">The picture.</param>
    /// <param name="rows">In how many rows at most the encoder looked at it.</param>
    /// <param name="features">The features; borrowed.</param>
    public void Add(Image rgb, int rows, VisionFeatures features) => Add(new KeptPicture(rgb, rows, Alias(features)));

    /// <summary>The longest start of a prompt that is there.</summary>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="prompt">The prompt; borrowed.</param>
    /// <param name="cuts">Where it is cut.</param>
    /// <returns>A copy; the caller disposes it. Null where no start is there.</returns>
    public PromptStart? Find(HookTable? table, PackedPrompt prompt, int[] cuts)
    {
        lock (_gate)
        {
            DropDead();
            KeptPrompt? best = null;
            int forwards = 0;
            foreach (KeptPrompt own in _kept.OfType<KeptPrompt>().Where(own => own.IsOf(table)).Reverse())
            {
                if (own.Forwards(prompt, cuts) is var common && common > forwards)
                {
                    (best, forwards) = (own, common);
                    if (forwards == cuts.Length)
                    {
                        break;
                    }
                }
            }

            if (best is null)
            {
                return null;
            }

            Touch(best);
            return best.Start.Copy(forwards);
        }
    }

    /// <summary>Keeps a copy of a prompt's start in place of shorter ones that it has in it.</summary>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="prompt">The prompt; borrowed.</param>
    /// <param name="start">Its start; borrowed.</param>
    /// <param name="axes">Position ids of a row.</param>
    public void Add(HookTable? table, PackedPrompt prompt, PromptStart start, int axes)
    {
        if (start.Cache.Held > budget)
        {
            return;
        }

        KeptPrompt own = new(table, LiveRows.Of(prompt, start.Rows, axes), start.Copy(start.Cuts.Length));
        lock (_gate)
        {
            foreach (KeptPrompt shorter in _kept.OfType<KeptPrompt>().Where(other => other.IsOf(table) && other.IsIn(prompt, start.Cuts)).ToArray())
            {
                Drop(shorter);
            }

            if (_kept.OfType<KeptPrompt>().Count() >= MostPrompts)
            {
                Drop(_kept.OfType<KeptPrompt>().First());
            }
        }

        Add(own);
    }

    /// <summary>Drops what prompts left under a pipeline's hooks.</summary>
    /// <param name="table">The hooks.</param>
    public void Forget(HookTable table)
    {
        lock (_gate)
        {
            foreach (KeptPrompt own in _kept.OfType<KeptPrompt>().Where(own => own.IsOf(table)).ToArray())
            {
                Drop(own);
            }

            DropDead();
        }
    }

    /// <summary>Drops everything and keeps nothing more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            _kept.ForEach(own => own.Dispose());
            _kept.Clear();
        }
    }

    private void Add(Kept own)
    {
        lock (_gate)
        {
            if (_isClosed || own.Bytes > budget)
            {
                own.Dispose();
                return;
            }

            _kept.Add(own);
            long bytes = _kept.Sum(each => each.Bytes);
            while (bytes > budget)
            {
                bytes -= _kept[0].Bytes;
                Drop(_kept[0]);
            }
        }
    }

    private void Touch(Kept own)
    {
        _kept.Remove(own);
        _kept.Add(own);
    }

    private void Drop(Kept own)
    {
        _kept.Remove(own);
        own.Dispose();
    }

    // Pipelines that were dropped without being disposed ask nothing more.
    private void DropDead() => _kept.OfType<KeptPrompt>().Where(own => own.IsDead).ToList().ForEach(Drop);

    private static VisionFeatures Alias(VisionFeatures features) => features with
    {
        Tokens = features.Tokens.alias().DetachFromDisposeScope(),
        HiddenStates = features.HiddenStates.ToDictionary(state => state.Key, state => state.Value.alias().DetachFromDisposeScope()),
    };

    private static long BytesOf(Tensor tensor) => tensor.NumberOfElements * tensor.ElementSize;

    private abstract class Kept(long bytes) : IDisposable
    {
        public long Bytes => bytes;

        public abstract void Dispose();
    }

    private sealed class KeptPicture(Image rgb, int rows, VisionFeatures features)
        : Kept(rgb.Pixels.Length + BytesOf(features.Tokens) + features.HiddenStates.Values.Sum(BytesOf))
    {
        public VisionFeatures Features => features;

        public bool Is(Image other, int otherRows) => rows == otherRows && rgb.Width == other.Width && rgb.Height == other.Height
            && (ReferenceEquals(rgb, other) || rgb.Pixels.SequenceEqual(other.Pixels));

        public override void Dispose() => features.Dispose();
    }

    // The hooks are a plugin's, which must not stay in memory for this.
    private sealed class KeptPrompt(HookTable? table, LiveRows rows, PromptStart start) : Kept(start.Cache.Held + rows.Bytes)
    {
        private readonly WeakReference<HookTable>? _table = table is null ? null : new WeakReference<HookTable>(table);

        public PromptStart Start => start;

        public bool IsDead => _table is not null && !_table.TryGetTarget(out _);

        public bool IsOf(HookTable? other) => _table is null ? other is null : _table.TryGetTarget(out HookTable? own) && ReferenceEquals(own, other);

        // How many of a prompt's forwards gave what lies here.
        public int Forwards(PackedPrompt prompt, int[] cuts)
        {
            int same = start.Cuts.AsSpan().CommonPrefixLength(cuts);
            if (same == 0)
            {
                return 0;
            }

            int common = rows.Common(prompt);
            while (same > 0 && cuts[same - 1] > common)
            {
                same--;
            }

            return same;
        }

        public bool IsIn(PackedPrompt prompt, int[] cuts) => Forwards(prompt, cuts) == start.Cuts.Length;

        public override void Dispose()
        {
            rows.Dispose();
            start.Dispose();
        }
    }
}
