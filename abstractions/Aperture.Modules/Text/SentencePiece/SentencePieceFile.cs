using System.Text;

namespace Aperture.Text;

/// <summary>What a <c>tokenizer.model</c> file holds.</summary>
internal sealed class SentencePieceFile
{
    private const int MaxPieceBytes = 4096;

    private readonly List<string> _userDefined = [];

    public List<(string Piece, float Score, PieceType Type)> Pieces { get; } = [];

    public TokenTable Table { get; } = new();

    public bool IsUnigram { get; private set; } = true;

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespace { get; private set; } = true;

    public bool EscapeWhitespace { get; private set; } = true;

    public bool WhitespaceAsSuffix { get; private set; }

    public string UnknownSurface { get; private set; } = " \u2047 ";

    public CharacterMap? Map { get; private set; }

    public int[]? ByteIds { get; private set; }

    public int Unknown { get; private set; } = -1;

    public int? Begin { get; private set; }

    public int? End { get; private set; }

    public int? Pad { get; private set; }

    public static SentencePieceFile Read(ReadOnlySpan<byte> data, string source)
    {
        SentencePieceFile file = new();
        ProtoReader reader = new(data, source);
        Trainer trainer = new();
        while (reader.Read())
        {
            switch (reader.Field)
            {
                case 1:
                    file.AddPiece(reader.Bytes, source);
                    break;
                case 2:
                    trainer.Read(reader.Bytes, source);
                    break;
                case 3:
                    file.ReadNormalizer(reader.Bytes, source);
                    break;
                default:
                    break;
            }
        }

        file.Finish(trainer, source);
        return file;
    }

    /// <summary>Length of the longest user-defined piece that starts at a position, or 0.</summary>
    public int UserDefined(string text, int start)
    {
        foreach (string piece in _userDefined)
        {
            if (string.CompareOrdinal(text, start, piece, 0, piece.Length) == 0)
            {
                return piece.Length;
            }
        }

        return 0;
    }

    private void AddPiece(ReadOnlySpan<byte> data, string source)
    {
        ProtoReader reader = new(data, source);
        string piece = "";
        float score = 0f;
        PieceType type = PieceType.Normal;
        while (reader.Read())
        {
            switch (reader.Field)
            {
                case 1:
                    if (reader.Bytes.Length > MaxPieceBytes)
                    {
                        throw new ApertureException(
                            $"{source}: piece {Pieces.Count} has {reader.Bytes.Length} bytes, more than {MaxPieceBytes}; the file is damaged.");
                    }

                    piece = Encoding.UTF8.GetString(reader.Bytes);
                    break;
                case 2:
                    score = BitConverter.UInt32BitsToSingle((uint)reader.Value);
                    break;
                case 3:
                    type = (PieceType)(int)Math.Min(reader.Value, 100);
                    break;
                default:
                    break;
            }
        }

        if (piece.Length == 0 || float.IsNaN(score) || !Enum.IsDefined(type) || Table.IdOf(piece) is not null)
        {
            throw new ApertureException($"{source}: piece {Pieces.Count} ('{piece}') is empty, double or of an unknown type; the file is damaged.");
        }

        Table.Add(piece, Pieces.Count, source);
        Pieces.Add((piece, score, type));
    }

    private void ReadNormalizer(ReadOnlySpan<byte> data, string source)
    {
        ProtoReader reader = new(data, source);
        while (reader.Read())
        {
            switch (reader.Field)
            {
                case 2:
                    Map = reader.Bytes.IsEmpty ? null : new(reader.Bytes, source);
                    break;
                case 3:
                    AddDummyPrefix = reader.Value != 0;
                    break;
                case 4:
                    RemoveExtraWhitespace = reader.Value != 0;
                    break;
                case 5:
                    EscapeWhitespace = reader.Value != 0;
                    break;
                default:
                    break;
            }
        }
    }

    private void Finish(Trainer trainer, string source)
    {
        IsUnigram = trainer.ModelType switch
        {
            1 => true,
            2 => false,
            _ => throw new ApertureException($"{source}: model type {trainer.ModelType} is not supported; only unigram (1) and BPE (2) models are."),
        };
        WhitespaceAsSuffix = trainer.WhitespaceAsSuffix;
        UnknownSurface = trainer.UnknownSurface;
        int[] bytes = new int[256];
        HashSet<byte> seen = [];
        for (int id = 0; id < Pieces.Count; id++)
        {
            (string? piece, float _, PieceType type) = Pieces[id];
            switch (type)
            {
                case PieceType.Unknown when Unknown < 0:
                    Unknown = id;
                    break;
                case PieceType.Unknown:
                    throw new ApertureException($"{source}: pieces {Unknown} and {id} are both the unknown piece; the file is damaged.");
                case PieceType.UserDefined:
                    _userDefined.Add(piece);
                    break;
                case PieceType.Byte:
                    if (piece.Length != 6 || !piece.StartsWith("<0x", StringComparison.Ordinal) || piece[5] != '>'
                        || !byte.TryParse(piece.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out byte value))
                    {
                        throw new ApertureException($"{source}: byte piece {id} is spelled '{piece}'; the file is damaged.");
                    }

                    if (!seen.Add(value))
                    {
                        throw new ApertureException($"{source}: pieces {bytes[value]} and {id} are both the byte {piece}; the file is damaged.");
                    }

                    bytes[value] = id;
                    break;
                default:
                    break;
            }
        }

        if (Unknown < 0)
        {
            throw new ApertureException($"{source}: the model has no unknown piece among its {Pieces.Count}; the file is damaged.");
        }

        if (trainer.ByteFallback && seen.Count != 256)
        {
            throw new ApertureException($"{source}: byte fallback is on with {seen.Count} byte pieces instead of 256; the file is damaged.");
        }

        ByteIds = trainer.ByteFallback ? bytes : null;
        _userDefined.Sort((a, b) => b.Length.CompareTo(a.Length));
        Begin = Control(trainer.BeginPiece);
        End = Control(trainer.EndPiece);
        Pad = Control(trainer.PadPiece);
    }

    private int? Control(string piece) => Table.IdOf(piece) is { } id && Pieces[id].Type == PieceType.Control ? id : null;

    private sealed class Trainer
    {
        public int ModelType { get; private set; } = 1;

        public bool WhitespaceAsSuffix { get; private set; }

        public bool ByteFallback { get; private set; }

        public string UnknownSurface { get; private set; } = " \u2047 ";

        public string BeginPiece { get; private set; } = "<s>";

        public string EndPiece { get; private set; } = "</s>";

        public string PadPiece { get; private set; } = "<pad>";

        public void Read(ReadOnlySpan<byte> data, string source)
        {
            ProtoReader reader = new(data, source);
            while (reader.Read())
            {
                switch (reader.Field)
                {
                    case 3:
                        ModelType = (int)Math.Min(reader.Value, 100);
                        break;
                    case 24:
                        WhitespaceAsSuffix = reader.Value != 0;
                        break;
                    case 35:
                        ByteFallback = reader.Value != 0;
                        break;
                    case 44:
                        UnknownSurface = Encoding.UTF8.GetString(reader.Bytes);
                        break;
                    case 46:
                        BeginPiece = Encoding.UTF8.GetString(reader.Bytes);
                        break;
                    case 47:
                        EndPiece = Encoding.UTF8.GetString(reader.Bytes);
                        break;
                    case 48:
                        PadPiece = Encoding.UTF8.GetString(reader.Bytes);
                        break;
                    default:
                        break;
                }
            }
        }
    }
}
