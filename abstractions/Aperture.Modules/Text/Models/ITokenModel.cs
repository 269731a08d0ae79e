namespace Aperture.Text;

/// <summary>The part of a tokenizer that turns one word into ids.</summary>
internal interface ITokenModel
{
    TokenTable Table { get; }

    int? UnknownId { get; }

    void Encode(string word, List<int> ids);
}
