using System.Text;

namespace Aperture.Text;

/// <summary>
/// A SentencePiece model (<c>tokenizer.model</c>) as the C++ library runs it: byte-pair or unigram pieces, the model's own normalisation,
/// byte fallback. Special pieces that are written out in a text are ordinary characters here; <see cref="Tokenizers.FromFolder"/> gives the
/// tokenizer of a checkpoint, which recognises them.
/// </summary>
/// <remarks>
/// Own implementation: Microsoft.ML.Tokenizers 2.0.1 breaks ties between equal merges from the right, so its ids differ wherever characters repeat.
/// </remarks>
public sealed class SentencePieceModel
{
    private readonly SentencePieceFile _file;
    private readonly SentencePieceNormalizer _normalizer;
    private readonly UnigramModel? _unigram;

    private SentencePieceModel(SentencePieceFile file)
    {
        _file = file;
        _normalizer = new(file);
        _unigram = file.IsUnigram ? new(file) : null;
    }

    /// <summary>How many pieces the model has.</summary>
    public int VocabularySize => _file.Pieces.Count;

    /// <summary>Id of the begin piece, or null.</summary>
    public int? BeginId => _file.Begin;

    /// <summary>Id of the end piece, or null.</summary>
    public int? EndId => _file.End;

    /// <summary>Id of the padding piece, or null.</summary>
    public int? PadId => _file.Pad;

    /// <summary>Id of the unknown piece.</summary>
    public int UnknownId => _file.Unknown;

    /// <summary>Whether the model puts a blank in front of every text.</summary>
    public bool AddsDummyPrefix => _file.AddDummyPrefix;

    internal TokenTable Table => _file.Table;

    /// <summary>Reads a <c>tokenizer.model</c> file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing, too large, damaged, or a kind of model that is not supported (word, char).</exception>
    public static SentencePieceModel Load(string path) => new(SentencePieceFile.Read(TokenizerFiles.ReadBytes(path), path));

    /// <summary>Reads the bytes of a <c>tokenizer.model</c> file.</summary>
    /// <param name="model">The bytes.</param>
    /// <param name="source">Name for errors.</param>
    public static SentencePieceModel Parse(ReadOnlySpan<byte> model, string source) => new(SentencePieceFile.Read(model, source));

    /// <summary>Encodes a text. Nothing is added in front or behind.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addDummyPrefix">Overrides whether a blank is put in front; null keeps the model's own setting.</param>
    public int[] Encode(string text, bool? addDummyPrefix = null)
    {
        string normal = _normalizer.Normalize(text, addDummyPrefix ?? _file.AddDummyPrefix);
        List<int> ids = new(normal.Length);
        if (_unigram is not null)
        {
            _unigram.Encode(normal, (id, start, length) => Emit(normal, id, start, length, ids));
        }
        else
        {
            Merge(normal, ids);
        }

        return [.. ids];
    }

    /// <summary>Decodes ids: control pieces vanish, unknown ones become the model's surface for them, bytes are joined to characters.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="stripDummyPrefix">Overrides whether the blank of the dummy prefix is taken off; null keeps the model's own setting.</param>
    /// <exception cref="ApertureException">An id is not in the vocabulary.</exception>
    public string Decode(IReadOnlyList<int> ids, bool? stripDummyPrefix = null)
    {
        List<string> pieces = new(ids.Count);
        foreach (int id in ids)
        {
            pieces.Add(PieceOf(id) ?? throw new ApertureException(
                $"Token id {id} is outside the vocabulary of {_file.Pieces.Count} pieces; the model and its tokenizer do not belong together."));
        }

        return DecodePieces(pieces, stripDummyPrefix ?? _file.AddDummyPrefix);
    }

    /// <summary>The piece with an id, or null.</summary>
    /// <param name="id">The id.</param>
    public string? PieceOf(int id) => (uint)id < (uint)_file.Pieces.Count ? _file.Pieces[id].Piece : null;

    /// <summary>The id of a piece, or null.</summary>
    /// <param name="piece">The piece.</param>
    public int? IdOf(string piece) => _file.Table.IdOf(piece);

    /// <summary>Decodes pieces by their spelling; one that is not in the vocabulary is text.</summary>
    internal string DecodePieces(IReadOnlyList<string> pieces, bool stripDummyPrefix)
    {
        StringBuilder result = new();
        List<byte> bytes = new();
        bool stripped = false;
        foreach (string piece in pieces)
        {
            PieceType? type = IdOf(piece) is { } id ? _file.Pieces[id].Type : (PieceType?)null;
            if (type == PieceType.Byte)
            {
                bytes.Add(Convert.ToByte(piece.Substring(3, 2), 16));
                continue;
            }

            FlushBytes(bytes, result);
            if (type is null or PieceType.Unknown)
            {
                result.Append(type is null ? piece : _file.UnknownSurface);
            }
            else if (type != PieceType.Control)
            {
                bool strips = result.Length == 0 && !stripped && (stripDummyPrefix || _file.RemoveExtraWhitespace) && piece.StartsWith('\u2581');
                stripped |= strips && !_file.RemoveExtraWhitespace;
                result.Append(piece.Replace('\u2581', ' '), strips ? 1 : 0, piece.Length - (strips ? 1 : 0));
            }
        }

        FlushBytes(bytes, result);
        return result.ToString();
    }

    private static void FlushBytes(List<byte> bytes, StringBuilder result)
    {
        Span<byte> rest = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes);
        while (!rest.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(rest, out Rune rune, out int used) == System.Buffers.OperationStatus.Done;
            result.Append(valid ? rune.ToString() : "\uFFFD");
            rest = rest[(valid ? used : 1)..];
        }

        bytes.Clear();
    }

    private void Merge(string text, List<int> ids)
    {
        if (text.Length == 0)
        {
            return;
        }

        List<SymbolMerger.Symbol> symbols = new(text.Length);
        for (int start = 0; start < text.Length;)
        {
            int length = _file.UserDefined(text, start);
            bool frozen = length > 0;
            if (!frozen)
            {
                Rune.DecodeFromUtf16(text.AsSpan(start), out _, out length);
            }

            symbols.Add(new() { Start = start, Length = length, Frozen = frozen, Id = Lookup(text.AsSpan(start, length)) });
            start += length;
        }

        SymbolMerger.Symbol[] merged = symbols.ToArray();
        SymbolMerger.Merge(merged, (in left, in right, out rank, out id) =>
        {
            (rank, id) = (0, -1);
            if (left.Frozen || right.Frozen)
            {
                return false;
            }

            id = Lookup(text.AsSpan(left.Start, left.Length + right.Length));
            if (id < 0)
            {
                return false;
            }

            rank = -_file.Pieces[id].Score;
            return true;
        });
        for (int i = 0; i >= 0; i = merged[i].Next)
        {
            Emit(text, merged[i].Id, merged[i].Start, merged[i].Length, ids);
        }
    }

    private int Lookup(ReadOnlySpan<char> piece)
        => _file.Table.BySpan.TryGetValue(piece, out int id) && _file.Pieces[id].Type is PieceType.Normal or PieceType.UserDefined ? id : -1;

    private void Emit(string text, int id, int start, int length, List<int> ids)
    {
        if (id >= 0 && id != _file.Unknown)
        {
            ids.Add(id);
            return;
        }

        if (_file.ByteIds is { } bytes)
        {
            foreach (byte b in Encoding.UTF8.GetBytes(text, start, length))
            {
                ids.Add(bytes[b]);
            }
        }
        else if (ids.Count == 0 || ids[^1] != _file.Unknown)
        {
            ids.Add(_file.Unknown);
        }
    }
}
