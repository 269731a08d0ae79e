namespace Aperture.Text;

/// <summary>The kinds of pieces in a SentencePiece model.</summary>
internal enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}
