using System;
using System.IO;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>Refuses lines of source that are longer than a limit. Lines of raw string literals are data and may have any length.</summary>
public class LineLengths : Task
{
    public ITaskItem[] Files { get; set; }

    public int Limit { get; set; }

    public override bool Execute()
    {
        foreach (ITaskItem file in Files)
        {
            string path = file.GetMetadata("FullPath");
            int number = 0;
            bool isRaw = false;
            foreach (string line in File.ReadLines(path))
            {
                number++;
                int quotes = line.Split(new[] { "\"\"\"" }, StringSplitOptions.None).Length - 1;
                bool isData = isRaw || quotes > 0;
                isRaw ^= quotes % 2 == 1;
                if (line.Length > Limit && !isData)
                {
                    string message = "The line has " + line.Length + " columns; break it at " + Limit + " at most.";
                    Log.LogError("style", "LINES", "", path, number, Limit + 1, number, line.Length, message);
                }
            }
        }

        return !Log.HasLoggedErrors;
    }
}
