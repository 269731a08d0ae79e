using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// A request whose sequences stand before the decoder: packed rows, layouts, and what bringing them there cost. Owns the request and, until they are taken, the
/// rows.
/// </summary>
/// <param name="request">The request; owned.</param>
internal sealed class EnteredRequest(RequestContext request) : IDisposable
{
    private readonly List<PackedPrompt> _prompts = [];

    /// <summary>The request.</summary>
    public RequestContext Request => request;

    /// <summary>The sequences.</summary>
    public IReadOnlyList<SequenceLayout> Layouts { get; private set; } = [];

    /// <summary>The sequences with their rows, until these are taken; borrowed.</summary>
    public IReadOnlyList<PackedPrompt> Prompts => _prompts;

    /// <summary>Pictures that were encoded.</summary>
    public int Encoded { get; set; }

    /// <summary>Per sequence the ids that count as seen before the first new token.</summary>
    public IReadOnlyList<int[]> SeenIds { get; private set; } = [];

    /// <summary>Wall time of seeing pictures.</summary>
    public double VisionMilliseconds { get; set; }

    /// <summary>Wall time from features to packed rows.</summary>
    public double ProjectorMilliseconds { get; set; }

    /// <summary>Multiply-accumulates of encoding the pictures.</summary>
    public long VisionMacs { get; set; }

    /// <summary>Rows through the projector.</summary>
    public int ProjectedRows { get; set; }

    /// <summary>Visual rows before any method between encoder and decoder acted.</summary>
    public int SeenRows { get; set; }

    /// <summary>Adds the next sequence; owned from here on.</summary>
    public void Add(PackedPrompt prompt) => _prompts.Add(prompt);

    /// <summary>All sequences are there: the request enters the decoder.</summary>
    /// <param name="cache">The cache, owned by the request; null to run without one.</param>
    public void Enter(KvCache? cache)
    {
        Layouts = [.. _prompts.Select(prompt => prompt.Layout)];
        SeenIds = [.. _prompts.Select(prompt => prompt.SeenIds.ToArray())];
        bool given = _prompts.Exists(prompt => prompt.NextPosition is not null);
        request.Enter(Layouts, cache, given ? [.. _prompts.Select(prompt => prompt.NextPosition ?? prompt.Layout.NextPosition)] : null);
    }

    /// <summary>The packed rows <c>[rows, d]</c>; the caller disposes them.</summary>
    public Tensor TakeRows()
    {
        if (_prompts.Count == 1)
        {
            Tensor only = _prompts[0].Rows;
            _prompts.Clear();
            return only;
        }

        Tensor rows = cat([.. _prompts.Select(prompt => prompt.Rows)], 0); // [rows, d], … -> [all rows, d]
        Clear();
        return rows;
    }

    /// <summary>The packed rows behind the first ones of each sequence, <c>[rows, d]</c>; the caller disposes them.</summary>
    /// <param name="first">How many rows stand before, one number a sequence.</param>
    public Tensor TakeRows(IReadOnlyList<int> first)
    {
        Tensor[] rest = [.. _prompts.Select((prompt, sample) => prompt.Rows.narrow(0, first[sample], prompt.Layout.Count - first[sample]))];
        Tensor rows = rest.Length == 1 ? rest[0].clone() : cat(rest, 0); // [rows, d], … -> [all rows, d]
        Array.ForEach(rest, own => own.Dispose());
        Clear();
        return rows;
    }

    /// <summary>Disposes rows and request.</summary>
    public void Dispose()
    {
        Clear();
        request.Dispose();
    }

    private void Clear()
    {
        _prompts.ForEach(prompt => prompt.Dispose());
        _prompts.Clear();
    }
}
